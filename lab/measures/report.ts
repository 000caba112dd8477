/** Reports: plain records of numbers with their provenance. The formulas are in scores.ts. */
import type { Known } from "../literals.js";
import type { LoosePolicy, PerLayer, Policy, Setting } from "../policy/policy.js";
import type { Tensor } from "../tensor.js";

/** The result of each measure. */
export interface MeasureMap {
  /**
   * mean: share of zeros in x₁, the mean over layers of the mean over all tokens of the windows; byLayer (L): the same for each layer.
   * zerosInGate: the same in s. rowsSkipped: share of the rows of up and down that were not read for a token, 0 under `dense`.
   */
  sparsity: {
    readonly mean: number;
    readonly byLayer: Float32Array;
    readonly zerosInGate: number;
    readonly rowsSkipped: number;
  };
  /** exp of the mean negative log-likelihood of the scored tokens; stderr by the spread over windows; bitsPerByte over their UTF-8 bytes. */
  perplexity: { readonly value: number; readonly stderr: number; readonly bitsPerByte: number };
  /** KL(p‖q) in nats over the scored tokens, p the reference; stderr by the spread over windows. */
  kl: { readonly mean: number; readonly stderr: number; readonly median: number; readonly p99: number; readonly max: number };
  /**
   * Of strategy "predicted", over all tokens of the windows, in the stream of the run itself: recall, the share of active neurons (s ≠ 0) that
   * were predicted, and predictedSparsity, the share of neurons that were not predicted; both (L, 1), of the view's one cutoff. A layer without a
   * predictor has recall 1 and predicted sparsity 0; recall is NaN where no neuron was ever active. cutoffs (1): the raw score, NaN where
   * layers have different ones (then see the provenance). Counting misses takes the whole gate, which `predicted` itself would not compute.
   */
  predictor: {
    readonly recall: Tensor<["layer", "cutoff"]>;
    readonly predictedSparsity: Tensor<["layer", "cutoff"]>;
    readonly cutoffs: Float32Array;
  };
  /** Share of the scored tokens at which the most likely next token is the reference's; stderr by the spread over windows. */
  top1: { readonly agreement: number; readonly stderr: number };
}
/** The name of a measure. */
export type Measure = keyof MeasureMap;

/** Where a number comes from: enough to reproduce it. */
export interface Provenance {
  readonly model: string;
  readonly sha256: string;
  /** Weight types of the file, the one with the most bytes first: "Q8_0, F32". */
  readonly weights: string;
  readonly activation: string;
  readonly policy: Policy;
  readonly strategy: string;
  /** Of strategy "predicted": the raw score below which a neuron was skipped; else null. */
  readonly cutoff: PerLayer | null;
  /** Interventions of the view, 0 when none. */
  readonly interventions: number;
  /** The reference of kl and top1: its file, activation, policy and strategy; null where it has none. */
  readonly reference: string | null;
  readonly arithmetic: string;
  readonly kv: string;
  readonly corpus: string;
  readonly corpusSha256: string;
  /** Tokens of all windows. */
  readonly tokens: number;
  readonly window: number;
  readonly bos: boolean;
  readonly device: string;
  readonly threads: number;
  readonly version: string;
  readonly date: string;
}
/** The result of `measure`: a record for each requested measure (every measure where a plain string named one), and the provenance of the numbers. */
export type Report<M extends string> = { readonly [K in Known<M, Measure>]: MeasureMap[K] } & {
  /** In every report of a view with strategy "predicted", asked for or not. */
  readonly predictor?: MeasureMap["predictor"];
  /** Tokens of all windows that were measured. */
  readonly tokens: number;
  readonly provenance: Provenance;
};
/** One setting of a sweep; `done` is false while it runs. */
export type Point<M extends string, P extends LoosePolicy = Policy> = Report<M> & {
  readonly setting: Setting<P>;
  readonly done: boolean;
};
