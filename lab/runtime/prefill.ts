/**
 * Prefill: one sequence through the model, in chunks of rows, for `run` and `generate`. Its memory is added up and checked before anything
 * is allocated. T tokens, L layers, V vocabulary.
 */
import { notFinite } from "../errors.js";
import type { ParsedHook } from "../hooks.js";
import { callNativeSync, type NativePlan } from "../native.js";
import { countSinks, type Predicted, predictedShares, predicts, sequenceBatch } from "./batch.js";
import { blocksOf, type CapturedPoint, captureBytes, capturedPoint, placeChunk, valuesPerRow } from "./captures.js";
import { floats, type Need, type Reservation, reserve } from "./memory.js";
import type { SequenceRow } from "./prefix.js";
import type { Program } from "./program.js";
import type { Weights } from "./weights.js";

/** Which rows of logits a pass returns. */
export type LogitRows = "all" | "last" | "none";
/** Rows of one forward: many, so that weights are read seldom; few enough that scratch stays small. */
const ROWS = 256;
/** Captures and logits of one chunk of a long prompt stay below this. */
const CHUNK_BYTES = 64 * 2 ** 20;

export interface PrefillResult {
  readonly captures: readonly CapturedPoint[];
  /** (T, V), (1, V), or absent. */
  readonly logits?: Float32Array;
  /** (T) log p of each token given those before it; the first is NaN. Absent where no logits were computed. */
  readonly logprobs?: Float32Array;
  /** (L, T) share of zeros in x₁. */
  readonly sparsity: Float32Array;
  /** (L, T) each, under strategy `predicted`. */
  readonly predicted?: Required<Predicted>;
  /** Tokens whose keys and values were taken over, and not computed. */
  readonly reusedTokens: number;
}

/** Rows of a chunk for a prompt of T tokens. */
function chunkRows(weights: Weights, captures: readonly ParsedHook[], tokens: number, logits: LogitRows): number {
  const kept = captureBytes(captures, weights.info, tokens).reduce((sum, bytes) => sum + bytes, 0);
  const row = kept + (logits === "none" ? 0 : weights.info.vocab * 4);
  return Math.min(tokens, Math.max(16, Math.min(ROWS, Math.floor(CHUNK_BYTES / Math.max(1, row)))));
}

/** What a prefill of `tokens` tokens allocates, part by part. */
export function prefillNeeds(
  weights: Weights,
  plan: NativePlan,
  captures: readonly ParsedHook[],
  tokens: number,
  logits: LogitRows,
): Need[] {
  const rows = chunkRows(weights, captures, tokens, logits);
  const { cacheBytes, scratchBytes, rotationBytes } = callNativeSync((addon) =>
    addon.estimate(weights.native, plan, rows, logits === "none" ? 0 : rows),
  );
  const perToken = captureBytes(captures, weights.info, tokens);
  const logitRows = logits === "all" ? tokens : logits === "last" ? 1 : 0;
  // Chunks have buffers of their own, and the last row's logits are taken from those of a whole chunk.
  const buffers =
    (rows < tokens ? perToken.reduce((sum, bytes) => sum + bytes, 0) : 0) + (logits === "last" ? weights.info.vocab * 4 : 0);
  return [
    ...captures.map((hook, i) => ({
      what: `${hook.name} of ${tokens} tokens`,
      bytes: perToken[i]! * tokens,
      array: true as const,
    })),
    { what: `logits of ${logitRows} tokens`, bytes: logitRows * weights.info.vocab * 4, array: true },
    { what: "buffers of one chunk", bytes: rows * buffers },
    { what: "KV cache", bytes: cacheBytes },
    { what: "rotation table", bytes: rotationBytes },
    { what: "scratch", bytes: scratchBytes },
  ];
}

/**
 * Reserves the memory of a prefill; its program releases it. Throws `out-of-memory` with byte counts where it cannot fit.
 * @param endsByItself as in `reserve`
 */
export function reservePrefill(
  needs: readonly Need[],
  endsByItself: boolean,
  signal: AbortSignal | undefined,
  out = 'Capture fewer layers ("blocks.0-7.…"), ask for logits: "last" or "none", or shorten the prompt',
): Promise<Reservation> {
  return reserve(needs, out, { endsByItself, signal });
}

/** @param shared rows that the program holds, all but the last of them; nothing is captured then */
export async function prefill(
  weights: Weights,
  program: Program,
  captures: readonly ParsedHook[],
  tokens: readonly number[],
  wanted: LogitRows,
  signal: AbortSignal | undefined,
  shared: readonly SequenceRow[] = [],
): Promise<PrefillResult> {
  // 1. The arrays of the result.
  const { info } = weights;
  const { layers, vocab } = info;
  const total = tokens.length;
  const step = chunkRows(weights, captures, total, wanted);
  const kept = captures.map((hook) => floats(valuesPerRow(hook, info, total) * total));
  const logits = wanted === "none" ? undefined : floats((wanted === "all" ? total : 1) * vocab);
  const logprobs = wanted === "none" ? undefined : new Float32Array(total).fill(Number.NaN);
  const sparsity = new Float32Array(layers * total);
  const predicted = predicts(program.plan)
    ? { predictedSparsity: new Float32Array(layers * total), recall: new Float32Array(layers * total) }
    : undefined;

  const reusedTokens = Math.max(0, shared.length - 1);
  shared.forEach((row, i) => {
    if (logprobs) logprobs[i] = row.logprob;
    for (let layer = 0; layer < layers; layer++) sparsity[layer * total + i] = row.sparsity[layer]!;
  });

  for (let start = reusedTokens; start < total; start += step) {
    // 2. The arrays of this chunk: parts of the result where the executor can write straight into it, else buffers.
    const rows = Math.min(step, total - start);
    const whole = rows === total;
    const last = start + rows === total;
    const chunks = whole ? kept : captures.map((hook) => floats(valuesPerRow(hook, info, total) * rows));
    const counts = countSinks(layers, rows, predicted ? "misses" : "nothing");
    // With "last", earlier chunks give their likelihoods without returning logits.
    const sink =
      !logits || (wanted === "last" && !last)
        ? undefined
        : wanted === "all"
          ? logits.subarray(start * vocab, (start + rows) * vocab)
          : floats(rows * vocab);
    const nll = logits && new Float64Array(rows);

    // 3. The forward pass.
    await program.forward(
      {
        ...sequenceBatch(tokens.slice(start, start + rows), start),
        keys: total,
        ...(logits && {
          logits: new Uint8Array(rows).fill(1),
          targets: Int32Array.from({ length: rows }, (_, i) => tokens[start + i + 1] ?? -1),
        }),
      },
      { ...counts, ...(captures.length > 0 && { captures: chunks }), ...(sink && { logits: sink }), ...(nll && { nll }) },
      signal,
    );

    // 4. From the chunk into the result.
    if (!whole) {
      captures.forEach((hook, i) => {
        placeChunk(chunks[i]!, rows, kept[i]!, total, start, blocksOf(hook, info));
      });
    }
    if (nll && logprobs) {
      for (let i = 0; i < rows && start + i + 1 < total; i++) {
        if (!Number.isFinite(nll[i])) throw notFinite(start + i);
        logprobs[start + i + 1] = 0 - nll[i]!; // a probability of 1 gives 0, never -0
      }
    }
    if (sink && logits && wanted === "last") logits.set(sink.subarray((rows - 1) * vocab));
    const shares = predictedShares(counts, info.neurons);
    for (let layer = 0; predicted && shares?.recall && layer < layers; layer++) {
      const [at, from, to] = [layer * total + start, layer * rows, (layer + 1) * rows];
      predicted.predictedSparsity.set(shares.predictedSparsity.subarray(from, to), at);
      predicted.recall.set(shares.recall.subarray(from, to), at);
    }
    for (let layer = 0; layer < layers; layer++) {
      for (let i = 0; i < rows; i++) sparsity[layer * total + start + i] = counts.zerosInMid[layer * rows + i]! / info.neurons;
    }
  }
  return {
    captures: captures.map((hook, i) => capturedPoint(hook, kept[i]!, info)),
    ...(logits && { logits }),
    ...(logprobs && { logprobs }),
    sparsity,
    reusedTokens,
    ...(predicted && { predicted }),
  };
}
