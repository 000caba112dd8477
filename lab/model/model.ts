/** Model: the types of what `load` gives. The class behind them is in view.ts. */
import type { Displayable } from "../display.js";
import type { HookPoint } from "../hooks.js";
import type { Checked, CheckedOrPlanned, Loose } from "../literals.js";
import type { LoosePolicy, PerLayer, Policy, PolicyOption } from "../policy/policy.js";
import type { LogitRows } from "../runtime/prefill.js";
import type { Tensor } from "../tensor.js";
import type { Tokenizer } from "../tokenizer/index.js";
import type { PlannedStrategy } from "../vocabulary.js";
import type { Activation } from "./activation.js";
import type { Cutoff } from "./cutoff.js";
import type { GenerateOptions, Generation } from "./generation.js";
import type { CheckedIntervention, Intervention, LooseIntervention } from "./interventions.js";
import type { Strategy } from "./options.js";
import type { Prompt, Role } from "./prompt.js";
import type { Run } from "./run.js";

/** What `run` takes. */
export interface RunOptions<S extends string = HookPoint, L extends string = LogitRows> {
  /** Points to keep, `blocks.*.ffn.mid` or a list of such names. Default: none. */
  capture?: Checked<S, HookPoint> | readonly Checked<S, HookPoint>[];
  /** Which rows of logits to return; default "all". They count in the memory check. "none" also leaves out logprobs and perplexity. */
  logits?: Checked<L, LogitRows>;
  /** Stops within 100 ms; default: the running cell's stop button. */
  signal?: AbortSignal;
}
/** What `runBatch` takes. */
export interface BatchOptions<S extends string = HookPoint, L extends string = LogitRows> extends RunOptions<S, L> {
  /** Called with the share of the rows that is done, 0 to 1. Default: none. */
  onProgress?: (fraction: number) => void;
}
/** What `with` takes. */
export type Change<
  P extends LoosePolicy = Policy,
  S extends string = Strategy,
  I extends LooseIntervention = Intervention,
> = PolicyOption<P> & {
  strategy?: CheckedOrPlanned<S, Strategy, PlannedStrategy>;
  /** Of strategy "predicted", as for `load`. Default: this view's. */
  cutoff?: Cutoff;
  /** They replace those of the view. Copied: changing a vector or the list afterwards has no effect. */
  interventions?: readonly CheckedIntervention<I>[];
};
/** A model: a view on the weights of a file, with a policy, a strategy and interventions of its own. */
export interface Model extends Disposable, Displayable {
  readonly name: string;
  /** The file, as an absolute path. */
  readonly path: string;
  readonly layers: number;
  readonly hidden: number;
  readonly neurons: number;
  readonly heads: number;
  readonly vocab: number;
  /** Positions that a sequence can hold. */
  readonly context: number;
  readonly threads: number;
  readonly activation: { readonly name: Activation; readonly t: PerLayer; readonly from: "option" | "file" | "architecture" };
  readonly policy: Policy;
  readonly strategy: Exclude<Strategy, "auto">;
  /** Under strategy "predicted": the score of a predictor below which a neuron is skipped; else null. */
  readonly cutoff: PerLayer | null;
  /** A new copy at each reading. */
  readonly interventions: readonly Intervention[];
  readonly predictors: readonly { readonly layer: number; readonly rank: number }[];
  /** Bytes of host memory: the weights (pages of the file, and copies), the KV cache of a full context, scratch for one token, pinned memory; and bytes on the device: weights, cache and scratch. The last two are 0 on the CPU. */
  readonly memory: {
    readonly weights: number;
    readonly cache: number;
    readonly scratch: number;
    readonly pinned: number;
    readonly device: number;
  };
  /** "cpu", or such as "cuda:0 (NVIDIA H100 80GB HBM3)". */
  readonly device: string;
  readonly hookPoints: readonly HookPoint[];
  readonly tokenizer: Tokenizer;
  /** Another view on the same weights. Interventions replace those of this view. The weights are freed with the last view. */
  with<
    P extends LoosePolicy = Policy,
    const S extends Loose<Strategy> = Strategy,
    const I extends LooseIntervention = Intervention,
  >(change: Change<P, S, I>): Model;
  /** Runs a prompt. Calls on views of one model queue; none blocks the JavaScript thread. */
  run<const S extends Loose<HookPoint> = never, const L extends Loose<LogitRows> = LogitRows, const R extends Loose<Role> = Role>(
    prompt: Prompt<R>,
    options?: RunOptions<S, L>,
  ): Promise<Run<S>>;
  /**
   * Runs several prompts in one pass, which reads the weights once for all. Each result equals `run` of its prompt, bit for bit.
   * @throws LabError as `run`; the message says which prompt (from 0), and nothing is run
   * @example
   * const [paris, rome] = await model.runBatch(["The capital of France is", "The capital of Italy is"], { logits: "last" });
   */
  runBatch<
    const S extends Loose<HookPoint> = never,
    const L extends Loose<LogitRows> = LogitRows,
    const R extends Loose<Role> = Role,
  >(prompts: readonly Prompt<R>[], options?: BatchOptions<S, L>): Promise<readonly Run<S>[]>;
  /** Generates text: temperature 0 unless given, until the end-of-sequence token. */
  generate<const S extends Loose<HookPoint> = never, const R extends Loose<Role> = Role>(
    prompt: Prompt<R>,
    options?: GenerateOptions<S>,
  ): Generation<S>;
  /** A weight by its name in the file, as float32: `weight("blk.3.attn_q.weight")`. */
  weight(name: string): Promise<Tensor<["row", "column"]>>;
  dispose(): void;
}
