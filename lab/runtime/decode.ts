/** Decode: one more token of a sequence. Its row goes through the weights alone. L layers, V vocabulary. */
import type { ParsedHook } from "../hooks.js";
import { logProbabilities } from "../math.js";
import { callNativeSync, type NativeSampler } from "../native.js";
import { countSinks, type Predicted, predictedShares, predicts, sequenceBatch } from "./batch.js";
import { type CapturedPoint, capturedPoint, lastRowOf, valuesPerRow } from "./captures.js";
import type { PrefillResult } from "./prefill.js";
import type { Program } from "./program.js";
import type { Weights } from "./weights.js";

/** The results of one row. */
export interface Row {
  /** (V) */
  readonly logits: Float32Array;
  /** log p of a token. */
  logprob(token: number): number;
  /** The token that the sampler drew. */
  readonly next: number;
  /** Of one token. */
  readonly captures: readonly CapturedPoint[];
  /** (L) shares of zeros in x₁. */
  readonly sparsity: Float32Array;
  /** (L) each, under strategy `predicted`; recall where misses are counted. */
  readonly predicted?: Predicted;
}

/** Runs `token` at `position`, and draws the token after it. Every array of the result is fresh. */
export async function decode(
  weights: Weights,
  program: Program,
  captures: readonly ParsedHook[],
  token: number,
  position: number,
  sampler: NativeSampler,
  signal: AbortSignal | undefined,
  misses = false,
): Promise<Row> {
  const { info } = weights;
  const kept = captures.map((hook) => new Float32Array(valuesPerRow(hook, info, position + 1)));
  const logits = new Float32Array(info.vocab);
  const [sampled, logTotal] = [new Int32Array(1), new Float64Array(1)];
  const counts = countSinks(info.layers, 1, predicts(program.plan) ? (misses ? "misses" : "predicted") : "nothing");
  await program.forward(
    { ...sequenceBatch([token], position), keys: position + 1, logits: Uint8Array.of(1), samplers: [sampler] },
    { ...counts, logits, sampled, logTotal, ...(captures.length > 0 && { captures: kept }) },
    signal,
  );
  return {
    logits,
    logprob: logProbabilities(logits, logTotal[0]!),
    next: sampled[0]!,
    captures: captures.map((hook, i) => capturedPoint(hook, kept[i]!, info)),
    sparsity: Float32Array.from(counts.zerosInMid, (zeros) => zeros / info.neurons),
    ...(counts.predicted && { predicted: predictedShares(counts, info.neurons)! }),
  };
}

/** The last row of a prefill of `tokens` tokens with logits: "last", copied, and the token after it. */
export function lastRow(result: PrefillResult, tokens: number, layers: number, sampler: NativeSampler, misses = false): Row {
  const logits = result.logits!.slice();
  const { predicted } = result;
  const last = (of: Float32Array) => Float32Array.from({ length: layers }, (_, layer) => of[layer * tokens + tokens - 1]!);
  return {
    logits,
    logprob: logProbabilities(logits),
    next: callNativeSync((addon) => addon.draw(logits, sampler)),
    captures: result.captures.map((captured) => lastRowOf(captured, tokens)),
    sparsity: last(result.sparsity),
    ...(predicted && {
      predicted: {
        predictedSparsity: last(predicted.predictedSparsity),
        ...(misses && { recall: last(predicted.recall) }),
      },
    }),
  };
}
