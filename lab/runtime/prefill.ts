/**
 * One sequence through the model, in chunks of rows: the prefill of `run` and of `generate`. What was asked for is added up and held
 * against the free memory before anything is allocated. Letters: T tokens, L blocks, V vocabulary.
 */
import { LabError } from "../errors.js";
import type { ParsedHook } from "../hooks.js";
import type { Captured } from "../model/cache.js";
import { widthOf } from "../model/interventions.js";
import { callingSync, type NativePlan, type NativeSetting } from "../native.js";
import { floats, type Need, type Reservation, reserve } from "./memory.js";
import { countSinks, type Program, sequenceBatch } from "./program.js";
import type { Weights } from "./weights.js";

export type LogitRows = "all" | "last" | "none";
/** Rows of one forward: enough to read the weights seldom, few enough that scratch stays small. */
const ROWS = 256;
/** Captures and logits of one chunk of a long prompt stay below this. */
const CHUNK_BYTES = 64 * 2 ** 20;

export interface PassResult {
  readonly captures: readonly Captured[];
  /** (T, V), (1, V), or absent. */
  readonly logits?: Float32Array;
  /** (T) log p of each token given those before it; the first is NaN. Absent where no logits were computed. */
  readonly logprobs?: Float32Array;
  /** (L, T) share of zeros in x₁. */
  readonly sparsity: Float32Array;
}

const captureBytes = (captures: readonly ParsedHook[], weights: Weights) =>
  captures.map((hook) => (hook.to - hook.from) * widthOf(hook, weights.info) * 4);

export function planOf(setting: NativeSetting, captures: readonly ParsedHook[], length: number, threads: number): NativePlan {
  return {
    settings: [setting],
    captures: captures.map(({ point, from, to }) => ({ point, from, to })),
    sequences: 1,
    length,
    threads,
  };
}

/** Rows of a chunk for a prompt of T tokens. */
export function chunkRows(weights: Weights, captures: readonly ParsedHook[], tokens: number, logits: LogitRows): number {
  const kept = captureBytes(captures, weights).reduce((sum, bytes) => sum + bytes, 0);
  const row = kept + (logits === "none" ? 0 : weights.info.vocab * 4);
  return Math.min(tokens, Math.max(16, Math.min(ROWS, Math.floor(CHUNK_BYTES / Math.max(1, row)))));
}

/** What a pass over `tokens` rows takes, part by part. */
export function passNeeds(
  weights: Weights,
  plan: NativePlan,
  captures: readonly ParsedHook[],
  tokens: number,
  logits: LogitRows,
): Need[] {
  const rows = chunkRows(weights, captures, tokens, logits);
  const { cacheBytes, scratchBytes, rotationBytes } = callingSync((addon) =>
    addon.estimate(weights.native, plan, rows, logits === "none" ? 0 : rows),
  );
  const perToken = captureBytes(captures, weights);
  const logitRows = logits === "all" ? tokens : logits === "last" ? 1 : 0;
  // Chunks are put together from buffers of their own, and the last row's logits are taken out of a whole chunk's.
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
 * Reserves the memory of a pass, for its program to give back. Throws `out-of-memory` with byte counts where it cannot fit.
 * @param endsByItself as in `reserve`
 */
export function reservePass(
  needs: readonly Need[],
  endsByItself: boolean,
  signal: AbortSignal | undefined,
  out = 'Capture fewer blocks ("blocks.0-7.…"), ask for logits: "last" or "none", or shorten the prompt',
): Promise<Reservation> {
  return reserve(needs, out, { endsByItself, signal });
}

export async function pass(
  weights: Weights,
  program: Program,
  captures: readonly ParsedHook[],
  tokens: readonly number[],
  wanted: LogitRows,
  signal: AbortSignal | undefined,
): Promise<PassResult> {
  const { layers, vocab } = weights.info;
  const total = tokens.length;
  const step = chunkRows(weights, captures, total, wanted);
  const kept = captures.map((hook) => floats((hook.to - hook.from) * total * widthOf(hook, weights.info)));
  const logits = wanted === "none" ? undefined : floats((wanted === "all" ? total : 1) * vocab);
  const logprobs = wanted === "none" ? undefined : new Float32Array(total).fill(Number.NaN);
  const sparsity = new Float32Array(layers * total);

  for (let start = 0; start < total; start += step) {
    const rows = Math.min(step, total - start);
    const whole = rows === total;
    const last = start + rows === total;
    const chunks = whole ? kept : captures.map((hook) => floats((hook.to - hook.from) * rows * widthOf(hook, weights.info)));
    const counts = countSinks(layers, rows);
    // Rows beside the last give their likelihoods without leaving their logits.
    const sink =
      !logits || (wanted === "last" && !last)
        ? undefined
        : wanted === "all"
          ? logits.subarray(start * vocab, (start + rows) * vocab)
          : floats(rows * vocab);
    const nll = logits && new Float64Array(rows);
    await program.forward(
      {
        ...sequenceBatch(tokens.slice(start, start + rows), start),
        ...(logits && {
          logits: new Uint8Array(rows).fill(1),
          targets: Int32Array.from({ length: rows }, (_, i) => tokens[start + i + 1] ?? -1),
        }),
      },
      { ...counts, ...(captures.length > 0 && { captures: chunks }), ...(sink && { logits: sink }), ...(nll && { nll }) },
      signal,
    );
    if (!whole) {
      captures.forEach((hook, i) => {
        place(chunks[i]!, rows, kept[i]!, total, start, hook.to - hook.from);
      });
    }
    if (nll && logprobs) {
      for (let i = 0; i < rows && start + i + 1 < total; i++) {
        if (!Number.isFinite(nll[i])) throw notFinite(start + i);
        logprobs[start + i + 1] = -nll[i]!;
      }
    }
    if (sink && logits && wanted === "last") logits.set(sink.subarray((rows - 1) * vocab));
    for (let layer = 0; layer < layers; layer++) {
      for (let i = 0; i < rows; i++)
        sparsity[layer * total + start + i] = counts.zerosInMid[layer * rows + i]! / weights.info.neurons;
    }
  }
  return {
    captures: captures.map((hook, i) => ({ hook, data: kept[i]! })),
    ...(logits && { logits }),
    ...(logprobs && { logprobs }),
    sparsity,
  };
}

/** What one row left: its logits (V), captures of one token, and shares of zeros in x₁ (L). */
export interface Row {
  readonly logits: Float32Array;
  readonly captures: readonly Captured[];
  readonly sparsity: Float32Array;
}

/** One more token of a sequence: its row goes through the weights alone. Every array is fresh. */
export async function decode(
  weights: Weights,
  program: Program,
  captures: readonly ParsedHook[],
  token: number,
  position: number,
  signal: AbortSignal | undefined,
): Promise<Row> {
  const { info } = weights;
  const kept = captures.map((hook) => new Float32Array((hook.to - hook.from) * widthOf(hook, info)));
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

/** A chunk (layers, rows, width) into its place in (layers, total, width). */
function place(chunk: Float32Array, rows: number, into: Float32Array, total: number, start: number, layers: number): void {
  const width = chunk.length / (layers * rows);
  for (let layer = 0; layer < layers; layer++) {
    into.set(chunk.subarray(layer * rows * width, (layer + 1) * rows * width), (layer * total + start) * width);
  }
}

/** The executor refuses logits that are not finite itself; this is for numbers made of them here. */
export function notFinite(position: number): LabError {
  return new LabError(
    "not-finite",
    `the logits at token position ${position} are not finite: a weight of the file is, or an intervention or activation drove the values out of float32`,
  );
}
