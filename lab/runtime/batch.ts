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

/** Zero and row counts for `rows` rows: what every forward writes. */
export function countSinks(layers: number, rows: number): Pick<NativeSinks, "zerosInMid" | "zerosInGate" | "rowsRead"> {
  return {
    zerosInMid: new Uint32Array(layers * rows),
    zerosInGate: new Uint32Array(layers * rows),
    rowsRead: new Uint32Array(layers * rows),
  };
}
