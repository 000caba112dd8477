/** Decode: one more token of a sequence. Its row goes through the weights alone. L layers, V vocabulary. */
import type { ParsedHook } from "../hooks.js";
import { countSinks, sequenceBatch } from "./batch.js";
import { type Captured, lastCaptured, valuesPerRow } from "./captures.js";
import type { PrefillResult } from "./prefill.js";
import type { Program } from "./program.js";
import type { Weights } from "./weights.js";

/** The results of one row: its logits (V), captures of one token, and shares of zeros in x₁ (L). */
export interface Row {
  readonly logits: Float32Array;
  readonly captures: readonly Captured[];
  readonly sparsity: Float32Array;
}

/** Runs `token` at `position`. Every array of the result is fresh. */
export async function decode(
  weights: Weights,
  program: Program,
  captures: readonly ParsedHook[],
  token: number,
  position: number,
  signal: AbortSignal | undefined,
): Promise<Row> {
  const { info } = weights;
  const kept = captures.map((hook) => new Float32Array(valuesPerRow(hook, info)));
  const logits = new Float32Array(info.vocab);
  const counts = countSinks(info.layers, 1);
  await program.forward(
    { ...sequenceBatch([token], position), logits: Uint8Array.of(1) },
    { ...counts, logits, ...(captures.length > 0 && { captures: kept }) },
    signal,
  );
  return {
    logits,
    captures: captures.map((hook, i) => ({ hook, data: kept[i]! })),
    sparsity: Float32Array.from(counts.zerosInMid, (zeros) => zeros / info.neurons),
  };
}

/** The last row of a prefill of `tokens` tokens with logits: "last", copied. */
export function lastRow(result: PrefillResult, tokens: number, layers: number): Row {
  return {
    logits: result.logits!.slice(),
    captures: result.captures.map((captured) => lastCaptured(captured, tokens)),
    sparsity: Float32Array.from({ length: layers }, (_, layer) => result.sparsity[layer * tokens + tokens - 1]!),
  };
}
