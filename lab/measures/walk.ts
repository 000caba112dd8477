/**
 * The walk over a corpus: S settings side by side, the same tokens for each, in one batch. A chunk of tokens goes through the weights once
 * for all settings; each setting is a sequence with its own residual stream and KV cache, and the reference of KL is one more. Rows lie
 * token by token, the settings of a token next to each other.
 */

import { checkMemory, freeBytes } from "../model/memory.js";
import { notFinite } from "../model/pass.js";
import { countSinks, Program } from "../model/program.js";
import type { Weights } from "../model/weights.js";
import type { NativeBatch, NativeSetting, NativeSinks } from "../native.js";
import { callingSync } from "../native.js";
import type { Windows } from "./corpus.js";
import type { Measure } from "./report.js";
import type { Scores } from "./scores.js";

/** Tokens of one chunk, whatever the number of settings, so that a sweep reads the weights as often as one setting does. */
export const CHUNK = 64;

export interface Walk {
  readonly weights: Weights;
  /** The settings measured, and behind them the reference where it is none of these. */
  readonly settings: readonly NativeSetting[];
  /** Which of them kl and top1 compare with; -1: none. */
  readonly reference: number;
  /** One for each setting that is measured: the first of `settings`. */
  readonly scores: readonly Scores[];
  readonly windows: Windows;
  readonly measure: readonly Measure[];
  readonly threads: number;
  readonly signal: AbortSignal | undefined;
}
/** After each chunk: tokens done of one setting, and bytes of weights read in this chunk. */
export interface Walked {
  readonly tokens: number;
  readonly weightBytesRead: number;
}

const scoring = (measure: readonly Measure[]) => measure.some((name) => name !== "sparsity");
const planOf = (settings: readonly NativeSetting[], length: number, threads: number) => ({
  settings,
  captures: [],
  sequences: settings.length,
  length,
  threads,
});

function bytesOf(
  weights: Weights,
  settings: readonly NativeSetting[],
  windows: Windows,
  measure: readonly Measure[],
  threads: number,
) {
  const rows = settings.length * Math.min(CHUNK, windows.size);
  const { cacheBytes, scratchBytes } = callingSync((addon) =>
    addon.estimate(weights.native, planOf(settings, windows.size, threads), rows, scoring(measure) ? rows : 0),
  );
  return { cacheBytes, scratchBytes, sum: cacheBytes + scratchBytes };
}

/** How many settings (beside `extra`, the reference) go into one batch within half of the free memory; at least one. */
export function groupSize(
  weights: Weights,
  settings: readonly NativeSetting[],
  extra: readonly NativeSetting[],
  windows: Windows,
  measure: readonly Measure[],
  threads: number,
  free = freeBytes(),
): { readonly size: number; readonly bytes: number } {
  const need = (size: number) => bytesOf(weights, [...settings.slice(0, size), ...extra], windows, measure, threads);
  let size = settings.length;
  while (size > 1 && need(size).sum > free / 2) size--;
  const { cacheBytes, scratchBytes, sum } = need(size);
  checkMemory(
    [
      { what: "KV cache", bytes: cacheBytes },
      { what: "scratch", bytes: scratchBytes },
    ],
    "Use a smaller window",
    free,
  );
  return { size, bytes: sum };
}

export async function* walk(on: Walk): AsyncGenerator<Walked, void, void> {
  const { weights, settings, scores, windows, threads, signal } = on;
  let tokens = 0;
  for (let w = 0; w < windows.list.length; w++) {
    const program = new Program(weights, planOf(settings, windows.size, threads));
    try {
      for (let start = 0; start < windows.size; start += CHUNK) {
        const count = Math.min(CHUNK, windows.size - start);
        const { batch, sinks } = chunk(on, windows.list[w]!, start, count);
        const { weightBytesRead } = await program.forward(batch, sinks, signal);
        collect(on, sinks, batch, w, start, count);
        tokens += count;
        for (const score of scores) score.tokens = tokens;
        if (start + count === windows.size) for (const score of scores) score.endWindow();
        yield { tokens, weightBytesRead };
      }
    } finally {
      program.close();
    }
  }
}

function chunk(
  { weights, settings, reference, windows, measure }: Walk,
  window: readonly number[],
  start: number,
  count: number,
): { batch: NativeBatch; sinks: NativeSinks } {
  const S = settings.length;
  const rows = count * S;
  const token = (row: number) => start + Math.floor(row / S);
  const fill = (fn: (row: number) => number) => Int32Array.from({ length: rows }, (_, row) => fn(row));
  const setting = fill((row) => row % S);
  const scored = (row: number) => token(row) >= windows.first && token(row) < windows.size - 1;
  const batch: NativeBatch = {
    tokens: fill((row) => window[token(row)]!),
    positions: fill(token),
    sequences: setting,
    settings: setting,
  };
  const sinks = countSinks(weights.info.layers, rows);
  if (!scoring(measure)) return { batch, sinks };
  const compares = reference >= 0;
  return {
    batch: {
      ...batch,
      logits: Uint8Array.from({ length: rows }, (_, row) => Number(scored(row))),
      targets: fill((row) => (scored(row) ? window[token(row) + 1]! : -1)),
      ...(compares && { references: fill((row) => (scored(row) ? row - (row % S) + reference : -1)) }),
    },
    sinks: { ...sinks, nll: new Float64Array(rows), ...(compares && { kl: new Float64Array(rows), top1: new Uint8Array(rows) }) },
  };
}

function collect(
  { weights, settings, scores, windows, measure }: Walk,
  sinks: NativeSinks,
  { targets }: NativeBatch,
  w: number,
  start: number,
  count: number,
): void {
  const S = settings.length;
  const rows = count * S;
  scores.forEach((score, s) => {
    for (let layer = 0; layer < weights.info.layers; layer++) {
      let [mid, gate, read] = [0, 0, 0];
      for (let at = layer * rows + s; at < (layer + 1) * rows; at += S) {
        mid += sinks.zerosInMid[at]!;
        gate += sinks.zerosInGate[at]!;
        read += sinks.rowsRead[at]!;
      }
      score.addCounts(layer, mid, gate, read);
    }
    for (let i = 0; targets && i < count; i++) {
      const row = i * S + s;
      if (targets[row]! < 0) continue;
      if (!Number.isFinite(sinks.nll![row])) throw notFinite(start + i);
      if (measure.includes("perplexity")) score.addNll(sinks.nll![row]!, windows.bytesAt(w, start + i + 1));
      if (sinks.kl && sinks.top1) {
        if (!Number.isFinite(sinks.kl[row])) throw notFinite(start + i);
        score.addKl(sinks.kl[row]!);
        score.addTop1(sinks.top1[row] === 1);
      }
    }
  });
}
