/**
 * Several prompts in one pass, for `runBatch`: each is a sequence of its own, and their rows go through the weights together. A row's values
 * do not depend on the rows beside it, so each result is that of the prompt alone, bit for bit. T tokens of a prompt, L layers, V vocabulary.
 */
import { notFinite } from "../errors.js";
import type { ParsedHook } from "../hooks.js";
import { callNativeSync, type NativePlan } from "../native.js";
import { countSinks, predictedShares, predicts } from "./batch.js";
import { blocksOf, captureBytes, capturedPoint, isByKey, valuesPerRow } from "./captures.js";
import { floats, type Need } from "./memory.js";
import type { LogitRows, PrefillResult } from "./prefill.js";
import type { Program } from "./program.js";
import type { Weights } from "./weights.js";

type Prompts = readonly (readonly number[])[];
/** Rows of one forward, and bytes of its buffers, as of a single prompt. */
const ROWS = 256;
const CHUNK_BYTES = 64 * 2 ** 20;

const longest = (prompts: Prompts): number => prompts.reduce((most, { length }) => Math.max(most, length), 0);
const tokensOf = (prompts: Prompts): number => prompts.reduce((sum, { length }) => sum + length, 0);
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function chunkRows({ info }: Weights, captures: readonly ParsedHook[], prompts: Prompts, logits: LogitRows): number {
  const row = sum(captureBytes(captures, info, longest(prompts))) + (logits === "none" ? 0 : info.vocab * 4);
  return Math.min(tokensOf(prompts), Math.max(16, Math.min(ROWS, Math.floor(CHUNK_BYTES / Math.max(1, row)))));
}

/** What a pass of these prompts allocates, part by part. */
export function sideBySideNeeds(
  weights: Weights,
  plan: NativePlan,
  captures: readonly ParsedHook[],
  prompts: Prompts,
  logits: LogitRows,
): Need[] {
  const { info } = weights;
  const rows = chunkRows(weights, captures, prompts, logits);
  const { cacheBytes, scratchBytes, rotationBytes } = callNativeSync((addon) =>
    addon.estimate(weights.native, plan, rows, logits === "none" ? 0 : rows),
  );
  const logitRows = logits === "all" ? tokensOf(prompts) : logits === "last" ? prompts.length : 0;
  const buffers = sum(captureBytes(captures, info, longest(prompts))) + (logits === "none" ? 0 : info.vocab * 4);
  return [
    ...captures.map((hook) => ({
      what: `${hook.name} of ${prompts.length} prompts`,
      bytes: sum(prompts.map(({ length }) => captureBytes([hook], info, length)[0]! * length)),
    })),
    { what: `logits of ${logitRows} tokens`, bytes: logitRows * info.vocab * 4 },
    { what: "buffers of one chunk", bytes: rows * buffers },
    { what: "KV cache", bytes: cacheBytes },
    { what: "rotation table", bytes: rotationBytes },
    { what: "scratch", bytes: scratchBytes },
  ];
}

/** The results of the prompts, in order. @param onProgress after each forward, the share of the rows that are done */
export async function sideBySide(
  weights: Weights,
  program: Program,
  captures: readonly ParsedHook[],
  prompts: Prompts,
  wanted: LogitRows,
  signal: AbortSignal | undefined,
  onProgress?: (fraction: number) => void,
): Promise<readonly PrefillResult[]> {
  // 1. The arrays of the results, and all rows: prompt after prompt.
  const { info } = weights;
  const { layers, vocab } = info;
  const results = prompts.map(({ length }) => ({
    captures: captures.map((hook) => floats(valuesPerRow(hook, info, length) * length)),
    logits: wanted === "none" ? undefined : floats((wanted === "all" ? length : 1) * vocab),
    logprobs: wanted === "none" ? undefined : new Float32Array(length).fill(Number.NaN),
    sparsity: new Float32Array(layers * length),
    predicted: predicts(program.plan)
      ? { predictedSparsity: new Float32Array(layers * length), recall: new Float32Array(layers * length) }
      : undefined,
  }));
  const all = prompts.flatMap((tokens, sequence) => tokens.map((token, position) => ({ token, position, sequence })));
  const keys = longest(prompts);
  const step = chunkRows(weights, captures, prompts, wanted);

  for (let start = 0; start < all.length; start += step) {
    // 2. The forward pass of a chunk of rows.
    const chunk = all.slice(start, start + step);
    const rows = chunk.length;
    const isLast = ({ position, sequence }: (typeof all)[number]) => position + 1 === prompts[sequence]!.length;
    const sinks = captures.map((hook) => floats(valuesPerRow(hook, info, keys) * rows));
    const counts = countSinks(layers, rows, predicts(program.plan) ? "misses" : "nothing");
    const sink = wanted === "all" || (wanted === "last" && chunk.some(isLast)) ? floats(rows * vocab) : undefined;
    const nll = wanted === "none" ? undefined : new Float64Array(rows);
    await program.forward(
      {
        tokens: Int32Array.from(chunk, ({ token }) => token),
        positions: Int32Array.from(chunk, ({ position }) => position),
        sequences: Int32Array.from(chunk, ({ sequence }) => sequence),
        settings: new Int32Array(rows),
        keys,
        ...(nll && {
          logits: new Uint8Array(rows).fill(1),
          targets: Int32Array.from(chunk, ({ position, sequence }) => prompts[sequence]![position + 1] ?? -1),
        }),
      },
      { ...counts, ...(captures.length > 0 && { captures: sinks }), ...(sink && { logits: sink }), ...(nll && { nll }) },
      signal,
    );

    // 3. Each row to its prompt.
    const shares = predictedShares(counts, info.neurons);
    chunk.forEach((row, i) => {
      const { position, sequence } = row;
      const into = results[sequence]!;
      const total = prompts[sequence]!.length;
      captures.forEach((hook, c) => {
        const blocks = blocksOf(hook, info);
        const span = sinks[c]!.length / (blocks * rows);
        const width = isByKey(hook) ? total : span;
        for (let block = 0; block < blocks; block++) {
          const from = (block * rows + i) * span;
          into.captures[c]!.set(sinks[c]!.subarray(from, from + width), (block * total + position) * width);
        }
      });
      if (nll && into.logprobs && position + 1 < total) {
        if (!Number.isFinite(nll[i])) throw notFinite(position);
        into.logprobs[position + 1] = 0 - nll[i]!; // a probability of 1 gives 0, never -0
      }
      if (sink && into.logits && (wanted === "all" || isLast(row)))
        into.logits.set(sink.subarray(i * vocab, (i + 1) * vocab), wanted === "all" ? position * vocab : 0);
      for (let layer = 0; layer < layers; layer++) {
        const [at, from] = [layer * total + position, layer * rows + i];
        into.sparsity[at] = counts.zerosInMid[from]! / info.neurons;
        if (!into.predicted || !shares?.recall) continue;
        into.predicted.predictedSparsity[at] = shares.predictedSparsity[from]!;
        into.predicted.recall[at] = shares.recall[from]!;
      }
    });
    onProgress?.(Math.min(1, (start + rows) / all.length));
  }
  return results.map(({ captures: kept, logits, logprobs, sparsity, predicted }) => ({
    captures: captures.map((hook, c) => capturedPoint(hook, kept[c]!, info)),
    ...(logits && { logits }),
    ...(logprobs && { logprobs }),
    sparsity,
    ...(predicted && { predicted }),
    reusedTokens: 0,
  }));
}
