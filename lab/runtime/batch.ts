/** Plans, batches and sinks as most callers need them: one sequence under one setting, and the counts that every forward writes. */
import type { ParsedHook } from "../hooks.js";
import type { NativeBatch, NativePlan, NativeSetting, NativeSinks } from "../native.js";

/** The plan of one sequence of at most `length` positions. */
export function sequencePlan(
  setting: NativeSetting,
  captures: readonly ParsedHook[],
  length: number,
  threads: number,
): NativePlan {
  return {
    settings: [setting],
    captures: captures.map(({ point, from, to }) => ({ point, from, to })),
    sequences: 1,
    length,
    threads,
    ...(setting.kv && { kv: setting.kv }),
    ...(setting.arithmetic && { arithmetic: setting.arithmetic }),
  };
}

/** Rows of one sequence under one setting, from position `start` on. */
export function sequenceBatch(tokens: ArrayLike<number>, start: number): NativeBatch {
  const rows = tokens.length;
  return {
    tokens: Int32Array.from(tokens),
    positions: Int32Array.from({ length: rows }, (_, i) => start + i),
    sequences: new Int32Array(rows),
    settings: new Int32Array(rows),
  };
}

/** What is counted of predictors: nothing, what they predict, or also what they miss, which costs the whole gate. */
export type Counted = "nothing" | "predicted" | "misses";
type Counts = "zerosInMid" | "zerosInGate" | "rowsRead" | "predicted" | "active" | "missed";

/** Zero and row counts for `rows` rows, which every forward writes, and those of predictors. */
export function countSinks(layers: number, rows: number, counted: Counted = "nothing"): Pick<NativeSinks, Counts> {
  return {
    ...(counted !== "nothing" && { predicted: new Uint32Array(layers * rows) }),
    ...(counted === "misses" && { active: new Uint32Array(layers * rows), missed: new Uint32Array(layers * rows) }),
    zerosInMid: new Uint32Array(layers * rows),
    zerosInGate: new Uint32Array(layers * rows),
    rowsRead: new Uint32Array(layers * rows),
  };
}

/** Whether the first setting of a plan predicts: then its counts are reported. */
export const predicts = (plan: NativePlan): boolean => plan.settings[0]!.strategy === "predicted";

/** Shares of some rows' counts, (L, rows) or (L). Recall is 1 where no neuron is active: nothing was missed. */
export interface Predicted {
  readonly predictedSparsity: Float32Array;
  readonly recall?: Float32Array;
}
export function predictedShares(
  { predicted, active, missed }: Pick<NativeSinks, Counts>,
  neurons: number,
): Predicted | undefined {
  if (!predicted) return undefined;
  return {
    predictedSparsity: Float32Array.from(predicted, (count) => 1 - count / neurons),
    ...(active && missed && { recall: Float32Array.from(active, (count, i) => (count === 0 ? 1 : 1 - missed[i]! / count)) }),
  };
}
