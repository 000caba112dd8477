/**
 * Model: a view on shared weights. A view is a setting (policy, strategy, interventions) over weights that are counted by reference, so two
 * of them can be compared in one line, and nothing is changed for anybody else. Letters: L blocks, D hidden, F neurons.
 */

import { type Displayable, displaySymbol, type MimeBundle, notebook } from "../display.js";
import { checkOptions, LabError } from "../errors.js";
import { type HookPoint, hookPoints } from "../hooks.js";
import { calling, callingSync, type NativeSetting } from "../native.js";
import { checkPolicy, type PerLayer, type Policy } from "../policy/policy.js";
import { received } from "../received.js";
import { type Tensor, tensor } from "../tensor.js";
import type { Tokenizer } from "../tokenizer/index.js";
import type { Activation } from "./activation.js";
import { parseCaptures } from "./cache.js";
import { type GenerateOptions, type Generation, generation } from "./generate.js";
import { type Intervention, takeInterventions } from "./interventions.js";
import { reserve } from "./memory.js";
import { modelName, text } from "./metadata.js";
import { modelHtml, modelText } from "./model-display.js";
import { checkChoice, checkSignal, refuseLater, type Strategy, strategyOf } from "./options.js";
import { type LogitRows, pass, passNeeds, planOf, reservePass } from "./pass.js";
import { Program } from "./program.js";
import { type Prompt, promptTokens } from "./prompt.js";
import { type Run, runOf } from "./run.js";
import { nativeSetting, type Setting } from "./setting.js";
import type { Weights } from "./weights.js";

export interface RunOptions<S extends HookPoint> {
  /** Points to keep, `blocks.*.ffn.mid` or a list of such names. */
  capture?: S | readonly S[];
  /** Which rows of logits to return; default "all", counted in the memory check. "none" also leaves out logprobs and perplexity. */
  logits?: LogitRows;
  /** Stops within 100 ms; default: the running cell's stop button. */
  signal?: AbortSignal;
}
export interface Change {
  policy?: Policy;
  strategy?: Strategy;
  /** Replace those of the view. */
  interventions?: readonly Intervention[];
}
export interface Model extends Disposable, Displayable {
  readonly name: string;
  /** The file, as an absolute path. */
  readonly path: string;
  readonly layers: number;
  readonly hidden: number;
  readonly neurons: number;
  readonly heads: number;
  readonly vocab: number;
  /** Positions that a sequence may hold. */
  readonly context: number;
  readonly threads: number;
  readonly activation: { readonly name: Activation; readonly t: PerLayer; readonly from: "option" | "file" | "architecture" };
  readonly policy: Policy;
  readonly strategy: Exclude<Strategy, "auto">;
  readonly interventions: readonly Intervention[];
  readonly predictors: readonly { readonly layer: number; readonly rank: number }[];
  /** Bytes: pages of the file and copies; the KV cache of one full context; scratch of one token. */
  readonly memory: { readonly weights: number; readonly cache: number; readonly scratch: number };
  readonly hookPoints: readonly HookPoint[];
  readonly tokenizer: Tokenizer;
  /** Another view on the same weights. Interventions replace the view's own. Weights are freed with the last view. */
  with(change: Change): Model;
  /** Calls on views of one model queue; none blocks the JavaScript thread. */
  run<const S extends HookPoint = never>(prompt: Prompt, options?: RunOptions<S>): Promise<Run<S>>;
  /** Temperature 0 unless given; ends with the end-of-sequence token. */
  generate<const S extends HookPoint = never>(prompt: Prompt, options?: GenerateOptions<S>): Generation<S>;
  /** A weight by its name in the file, as float32: `weight("blk.3.attn_q.weight")`. */
  weight(name: string): Promise<Tensor<["row", "column"]>>;
  dispose(): void;
}

/** What measures and sweeps need of a view beside its public face. */
export interface Inside {
  readonly weights: Weights;
  readonly setting: Setting;
  readonly native: NativeSetting;
  readonly threads: number;
  readonly context: number;
}
const insides = new WeakMap<Model, Inside>();
/** Throws for a view that was disposed of, and for what is no model. */
export function insideOf(model: Model): Inside {
  const inside = insides.get(model);
  if (!inside) throw new LabError("invalid-option", "expected a model, as load() gives it");
  if (!live.has(model)) throw disposed(model);
  return inside;
}
const live = new WeakSet<Model>();
const disposed = (model: Model) =>
  new LabError("disposed", `this view of ${model.name} was disposed of; load the file again, or keep another view`);
// A notebook that runs its load cell again drops the first model without a word: its weights go when it is collected.
const collected = new FinalizationRegistry<Weights>((weights) => weights.release());

export interface ViewOptions {
  readonly context: number;
  readonly threads: number;
}

/** A new view; it holds one reference on the weights until it is disposed of or collected. */
export function view(weights: Weights, setting: Setting, options: ViewOptions): Model {
  const made = new View(weights, setting, options);
  weights.retain();
  live.add(made);
  collected.register(made, weights, made);
  return made;
}

class View implements Model {
  readonly #weights: Weights;
  readonly #setting: Setting;
  readonly #native: NativeSetting;
  readonly context: number;
  readonly threads: number;

  constructor(weights: Weights, setting: Setting, options: ViewOptions) {
    this.#weights = weights;
    this.#setting = setting;
    this.#native = nativeSetting(setting, weights.info);
    this.context = options.context;
    this.threads = options.threads;
    insides.set(this, { weights, setting, native: this.#native, ...options });
  }

  get name() {
    return modelName(this.#weights.table);
  }
  get path() {
    return this.#weights.table.path;
  }
  get layers() {
    return this.#weights.info.layers;
  }
  get hidden() {
    return this.#weights.info.hidden;
  }
  get neurons() {
    return this.#weights.info.neurons;
  }
  get heads() {
    return this.#weights.info.heads;
  }
  get vocab() {
    return this.#weights.info.vocab;
  }
  get activation() {
    const { name, t, from } = this.#setting.activation;
    return { name, t, from };
  }
  get policy() {
    return this.#setting.policy;
  }
  get strategy() {
    return strategyOf(this.#setting.strategy, this.#setting.activation.kind);
  }
  get interventions() {
    return this.#setting.interventions.list();
  }
  get predictors() {
    return this.#weights.info.predictors.map((one) => Object.freeze({ ...one }));
  }
  get memory() {
    insideOf(this);
    const { info, native } = this.#weights;
    const plan = planOf(this.#native, [], this.context, this.threads);
    const { cacheBytes, scratchBytes } = callingSync((addon) => addon.estimate(native, plan, 1, 1));
    return { weights: info.mappedBytes + info.ownedBytes, cache: cacheBytes, scratch: scratchBytes };
  }
  get hookPoints() {
    return hookPoints();
  }
  get tokenizer() {
    return this.#weights.tokenizer;
  }

  with(change: Change): Model {
    insideOf(this);
    checkOptions("with", change ?? null, ["policy", "strategy", "interventions", "vram", "cutoff"]);
    refuseLater(change);
    checkChoice("strategy", change.strategy);
    const setting: Setting = {
      activation: this.#setting.activation,
      policy: change.policy === undefined ? this.#setting.policy : checkPolicy(change.policy),
      strategy: change.strategy ?? this.#setting.strategy,
      interventions:
        change.interventions === undefined
          ? this.#setting.interventions
          : takeInterventions(change.interventions, this.#weights.info),
    };
    return view(this.#weights, setting, { context: this.context, threads: this.threads });
  }

  async run<const S extends HookPoint = never>(prompt: Prompt, options: RunOptions<S> = {}): Promise<Run<S>> {
    insideOf(this);
    checkOptions("run", options, ["capture", "logits", "signal"]);
    const wanted = options.logits ?? "all";
    if (!["all", "last", "none"].includes(wanted)) {
      throw new LabError("invalid-option", `logits must be "all", "last" or "none", received ${received(wanted)}`);
    }
    const captures = parseCaptures(options.capture, this.layers);
    const tokens = promptTokens(prompt, this.#told());
    const signal = checkSignal(options.signal) ?? notebook()?.signal();
    // From here on nothing of the caller's is read: the prompt was copied, and the options are not looked at again.
    const weights = this.#weights;
    const plan = planOf(this.#native, captures, tokens.length, this.threads);
    weights.retain();
    try {
      const memory = await reservePass(passNeeds(weights, plan, captures, tokens.length, wanted), true, signal);
      const program = new Program(weights, plan, memory);
      try {
        const result = await pass(weights, program, captures, tokens, wanted, signal);
        return runOf<S>(weights, tokens, result);
      } finally {
        program.close();
      }
    } finally {
      weights.release();
    }
  }

  generate<const S extends HookPoint = never>(prompt: Prompt, options: GenerateOptions<S> = {}): Generation<S> {
    const inside = insideOf(this);
    return generation(inside, promptTokens(prompt, this.#told()), options);
  }

  async weight(name: string): Promise<Tensor<["row", "column"]>> {
    insideOf(this);
    const weights = this.#weights;
    if (typeof name !== "string")
      throw new LabError("invalid-option", `weight needs the name of a weight, received ${received(name)}`);
    const shape = weights.table.tensors.find((one) => one.name === name)?.shape ?? [];
    const bytes = 4 * shape.reduce((product, n) => product * n, 1);
    weights.retain();
    const memory = await reserve(
      [{ what: `${name} as float32`, bytes, array: true }],
      "Free some memory, or use a machine with more",
      {
        endsByItself: true,
        signal: undefined,
      },
    ).catch((error: unknown) => {
      weights.release();
      throw error;
    });
    try {
      const { data, rows, columns } = await calling((addon) => addon.weight(weights.native, name));
      return tensor(data, ["row", "column"], [rows, columns]);
    } finally {
      memory.release();
      weights.release();
    }
  }

  dispose(): void {
    if (!live.delete(this)) return;
    collected.unregister(this);
    this.#weights.release();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  [displaySymbol](): MimeBundle {
    return live.has(this)
      ? { "text/plain": modelText(this), "text/html": modelHtml(this) }
      : { "text/plain": `Model ${this.name}, disposed of` };
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return live.has(this) ? modelText(this) : `Model ${this.name}, disposed of`;
  }

  #told() {
    const { table } = this.#weights;
    return {
      vocab: this.vocab,
      context: this.context,
      tokenizer: () => (table.metadata.has("tokenizer.ggml.model") ? this.tokenizer : undefined),
      // Token ids go into a model of any vocabulary; only of the kind that is known its BOS is.
      expectedBos: () => (text(table, "tokenizer.ggml.model") === "llama" && this.tokenizer.addsBos ? this.tokenizer.bos : null),
      warn: (message: string) => console.warn(`sparselab: ${message}`),
    };
  }
}
