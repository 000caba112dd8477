/**
 * The options of `load`. Values of the API that the executor does not support yet are refused with what to use instead: an option that is
 * accepted and ignored would give wrong results silently.
 */
import { availableParallelism } from "node:os";
import { checkCount, checkFunction, checkSignal } from "../check.js";
import { checkDevice } from "../device.js";
import { checkOptions, LabError, unknownName } from "../errors.js";
import type { Checked, CheckedOrPlanned } from "../literals.js";
import type { Scales } from "../native.js";
import type { LoosePolicy, PerLayer, Policy, PolicyOption } from "../policy/policy.js";
import { received } from "../received.js";
import { type ActivationKind, laterStrategies, type PlannedStrategy, type StrategyKind, strategies } from "../vocabulary.js";
import { type Activation, isReluFamily } from "./activation.js";
import { type Cutoff, checkCutoff } from "./cutoff.js";

/** Which rows of the FFN are computed. `exact` skips rows that cannot matter and gives the bits of `dense`. `predicted` computes what the file's predictors take as active: approximate, and every report says what they miss. `auto` is a rule, printed by `load`: exact for a ReLU-family activation, else dense. */
export type Strategy = "auto" | StrategyKind;

export type DeviceName = "auto" | "cpu" | "cuda" | `cuda:${number}`;

/** What an option takes now, and what is planned, with what to use instead. */
const choices = {
  layout: { now: ["mmap"], later: { packed: 'use "mmap"' } },
  arithmetic: { now: ["float", "int8"], later: {} },
  kv: { now: ["f32", "f16"], later: {} },
  strategy: { now: ["auto", ...strategies], later: laterStrategies },
} as const;
type Choice = keyof typeof choices;
type Now<O extends Choice> = (typeof choices)[O]["now"][number];
type Planned<O extends Exclude<Choice, "strategy">> = keyof (typeof choices)[O]["later"] & string;

/** What `load` takes. */
export type LoadOptions<
  A extends string = Activation,
  P extends LoosePolicy = Policy,
  S extends string = Strategy,
  D extends string = DeviceName,
  L extends string = Now<"layout">,
  R extends string = Now<"arithmetic">,
  K extends string = Now<"kv">,
> = PolicyOption<P> & {
  /** Default: that of the file. The option goes before the file's key, the key before the rule; `load` prints which one is used and what it overrules. An activation of another family than the key's (silu or gelu against relu) is an error. */
  activation?: Checked<A, Activation>;
  /**
   * Of architecture minicpm: embeddings are multiplied by `embedding`, what attention and FFN add to the stream by `residual`, and logits divided
   * by `logits`. Default: the file's keys embedding_scale, residual_scale, logit_scale; without keys 12, 1.4 / sqrt(layers), hidden / 256.
   */
  scales?: Scales;
  /** Default: "auto", which never chooses the approximate "predicted". */
  strategy?: CheckedOrPlanned<S, Strategy, PlannedStrategy>;
  /** Of strategy "predicted": the raw score of a predictor below which a neuron is skipped, one or one for each layer, or the probability whose logit it is. Default: the file's key sparselab.predictor_cutoff, else powerinfer.sparse_threshold, else 0. */
  cutoff?: Cutoff;
  /** "cuda:1" is the second GPU. A GPU holds all weights. Default: "auto", a GPU where there is one that can be used, else the CPU; the model, shown as a cell's last value, says why. */
  device?: CheckedOrPlanned<D, DeviceName, "hybrid">;
  /** "mmap": the weights are pages of the file, quick to open. Default: "mmap". */
  layout?: CheckedOrPlanned<L, Now<"layout">, Planned<"layout">>;
  /**
   * "int8": activations become integers in blocks before they meet quantised weights, as in llama.cpp on x86, so that its numbers can be compared;
   * `ffn_down` is computed in full. F32, F16 and BF16 weights stay float. "float": the reference. Default: "float".
   */
  arithmetic?: CheckedOrPlanned<R, Now<"arithmetic">, Planned<"arithmetic">>;
  /** Type of the KV cache: "f16" takes half the memory, and costs about 5e-4 of the logits. Default: "f32". */
  kv?: CheckedOrPlanned<K, Now<"kv">, Planned<"kv">>;
  /** Positions that a sequence can hold. Default: as many as the file allows, which is also the most. */
  context?: number;
  /** Threads of the executor. Default: as many as the machine has. The number does not change a single bit of a result. */
  threads?: number;
  /** Called with the share of the work that is done, 0 to 1. Default: none. */
  onProgress?: (fraction: number) => void;
  /** Stops loading within 100 ms; default: the running cell's stop button. */
  signal?: AbortSignal;
  /** Prints nothing. Default: false. */
  quiet?: boolean;
};

/** Checks that a value is supported. The error for one that is planned says so. */
export function checkChoice(option: Choice, value: unknown): void {
  if (value === undefined) return;
  const { now, later }: { readonly now: readonly string[]; readonly later: Readonly<Record<string, string>> } = choices[option];
  if (typeof value === "string" && now.includes(value)) return;
  if (typeof value !== "string") {
    throw new LabError(
      "invalid-option",
      `${option} must be one of ${now.map((name) => `"${name}"`).join(", ")}, received ${received(value)}`,
    );
  }
  const name = value;
  const instead = Object.hasOwn(later, name) ? later[name] : undefined;
  if (instead !== undefined) throw new LabError("invalid-option", `${option} "${name}" is not available yet; ${instead}`);
  throw unknownName("invalid-option", option, name, now, Object.keys(later));
}

/** Refuses options that are planned and have no supported value yet. */
export function refusePlanned(options: object): void {
  const given = options as { readonly vram?: unknown };
  if (given.vram !== undefined)
    throw new LabError(
      "invalid-option",
      "option vram is not available yet; leave it out: a GPU holds all weights, the CPU needs none",
    );
}

/** A cutoff without the strategy that it belongs to would be ignored. */
export function takeCutoff(cutoff: Cutoff | undefined, strategy: Strategy | undefined): PerLayer | undefined {
  if (cutoff === undefined) return undefined;
  if (strategy !== "predicted") {
    throw new LabError(
      "invalid-option",
      `option cutoff belongs to strategy "predicted"; give { strategy: "predicted", cutoff } too, or omit cutoff (the strategy is "${strategy ?? "auto"}")`,
    );
  }
  return checkCutoff(cutoff);
}

/** The options, checked and copied, since `load` uses them after it has waited for the file. */
export function checkLoadOptions(options: LoadOptions): LoadOptions {
  refusePlanned(options ?? {});
  checkOptions("load", options ?? null, [
    "activation",
    "policy",
    "strategy",
    "cutoff",
    "device",
    "layout",
    "arithmetic",
    "kv",
    "context",
    "threads",
    "onProgress",
    "signal",
    "quiet",
    "scales",
  ]);
  if (options.scales !== undefined) {
    checkOptions("scales", options.scales ?? null, ["embedding", "residual", "logits"]);
    for (const [name, value] of Object.entries(options.scales))
      if (value !== undefined && (typeof value !== "number" || !(value > 0 && value < 1e6)))
        throw new LabError(
          "invalid-option",
          `scales.${name}: expected a number above 0 and below 1000000, received ${received(value)}`,
        );
  }
  checkDevice(options.device);
  for (const name of ["layout", "arithmetic", "kv", "strategy"] as const) checkChoice(name, options[name]);
  if (options.activation !== undefined && typeof options.activation !== "string") {
    throw new LabError(
      "invalid-option",
      `activation must be a name such as "relu" or "fatrelu_0.03", received ${received(options.activation)}`,
    );
  }
  checkFunction("onProgress", options.onProgress);
  checkSignal(options.signal);
  const cutoff = takeCutoff(options.cutoff, options.strategy);
  return {
    ...options,
    ...(options.scales !== undefined && { scales: { ...options.scales } }),
    ...(cutoff !== undefined && { cutoff }),
  };
}

export function threadsOf(option: number | undefined): number {
  checkCount("threads", option, 1, 1024);
  return option ?? availableParallelism();
}

export function contextOf(option: number | undefined, fileContext: number): number {
  checkCount("context", option, 2);
  if (option !== undefined && option > fileContext) {
    throw new LabError("invalid-option", `context ${option}: the model has ${fileContext} positions; give at most that`);
  }
  return option ?? fileContext;
}

/** The rule of `auto`: never approximate, never decided by a timing. */
export function strategyOf(strategy: Strategy, activation: ActivationKind): StrategyKind {
  if (strategy !== "auto") return strategy;
  return isReluFamily(activation) ? "exact" : "dense";
}
