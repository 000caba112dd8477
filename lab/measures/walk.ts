/**
 * The walk over a corpus: S settings side by side, the same tokens for each, in one batch. A chunk of tokens goes through the weights once
 * for all settings; each setting is a sequence with its own residual stream and KV cache, and the reference of KL is one more. Rows are
 * ordered by token, and by setting within a token. One program serves all windows; its KV cache is emptied before each.
 */
import { notFinite } from "../errors.js";
import type { NativeBatch, NativeSetting, NativeSinks } from "../native.js";
import { countSinks } from "../runtime/batch.js";
import { type Reservation, reserve } from "../runtime/memory.js";
import { Program } from "../runtime/program.js";
import { compareRows, OtherModel } from "./compare.js";
import { CHUNK, needsLogits, WALK_HINT, walkNeeds, walkPlan } from "./groups.js";
import { type Job, needsReference } from "./job.js";
import type { Measure } from "./report.js";
import type { Scores } from "./scores.js";

export interface Walk {
  readonly job: Job;
  /** The settings measured, and after them the reference, unless it is one of these. */
  readonly settings: readonly NativeSetting[];
  /** Which of them kl and top1 compare with; -1: none, or a model of other weights. */
  readonly reference: number;
  /** One for each setting that is measured: the first of `settings`. */
  readonly scores: readonly Scores[];
  readonly measure: readonly Measure[];
  readonly signal: AbortSignal | undefined;
}
/** After each chunk: tokens done of one setting, and bytes of weights read in this chunk. */
export interface WalkStep {
  readonly tokens: number;
  readonly weightBytesRead: number;
}

export async function* walk(on: Walk): AsyncGenerator<WalkStep, void, void> {
  const { internals, other, windows } = on.job;
  const { weights, threads } = internals;
  const held = [weights, ...(other ? [other.weights] : [])];
  for (const one of held) one.retain();
  let memory: Reservation | undefined;
  try {
    memory = await reserve(walkNeeds(on.job, on.settings, on.measure), WALK_HINT, { endsByItself: true, signal: on.signal });
    const program = new Program(weights, walkPlan(on.settings, windows.size, threads));
    try {
      const reference = other && needsReference(on.measure) ? new OtherModel(other, windows.size) : undefined;
      try {
        yield* windowsThrough(on, program, reference, memory);
      } finally {
        reference?.close();
      }
    } finally {
      program.close();
    }
  } finally {
    memory?.release();
    for (const one of held) one.release();
  }
}

async function* windowsThrough(
  on: Walk,
  program: Program,
  reference: OtherModel | undefined,
  memory: Reservation,
): AsyncGenerator<WalkStep, void, void> {
  const { list, size } = on.job.windows;
  let tokens = 0;
  for (let w = 0; w < list.length; w++) {
    await beginWindow(program, reference);
    for (let start = 0; start < size; start += CHUNK) {
      const count = Math.min(CHUNK, size - start);
      const weightBytesRead = await step(on, program, reference, w, start, count);
      tokens += count;
      memory.settle((start + count) / size);
      for (const score of on.scores) score.tokens = tokens;
      if (start + count === size) for (const score of on.scores) score.endWindow();
      yield { tokens, weightBytesRead };
    }
  }
}

/** A window begins at position 0 with an empty KV cache, whatever the previous one left. */
async function beginWindow(program: Program, reference: OtherModel | undefined): Promise<void> {
  await program.restart();
  await reference?.restart();
}

/** Runs one chunk of one window, and adds its numbers to the scores. */
async function step(
  on: Walk,
  program: Program,
  reference: OtherModel | undefined,
  w: number,
  start: number,
  count: number,
): Promise<number> {
  const { job, settings, signal } = on;
  const { vocab } = job.internals.weights.info;
  const window = job.windows.list[w]!;
  const { batch, sinks } = chunk(on, window, start, count);

  // 1. The reference is in the batch, or there is none: the executor compares.
  if (!reference) {
    const { weightBytesRead } = await program.forward(batch, sinks, signal);
    collect(on, sinks, batch, w, start, count);
    return weightBytesRead;
  }

  // 2. The reference has weights of its own: its logits of the scored tokens, then those of the settings.
  const scored = Array.from({ length: count }, (_, i) => batch.targets![i * settings.length]! >= 0);
  const p = await reference.logits(window.subarray(start, start + count), start, scored, signal);
  const q = new Float32Array(p.length * settings.length);
  const { weightBytesRead } = await program.forward(batch, { ...sinks, ...(q.length > 0 && { logits: q }) }, signal);
  const compared = await compareRows(p, q, vocab, settings.length, signal);

  // 3. From scored rows back to all rows of the batch.
  const [kl, top1] = [new Float64Array(batch.positions.length).fill(Number.NaN), new Uint8Array(batch.positions.length)];
  let at = 0;
  batch.targets!.forEach((target, row) => {
    if (target >= 0) [kl[row], top1[row]] = [compared.kl[at]!, compared.top1[at++]!];
  });
  collect(on, { ...sinks, kl, top1 }, batch, w, start, count);
  return weightBytesRead;
}

/** The batch of one chunk, and the arrays that the executor fills. */
function chunk(
  { job, settings, reference, measure }: Walk,
  window: Int32Array,
  start: number,
  count: number,
): { batch: NativeBatch; sinks: NativeSinks } {
  const { windows } = job;
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
  const predicted = settings.some(({ strategy }) => strategy === "predicted");
  const sinks = countSinks(job.internals.weights.info.layers, rows, predicted ? "misses" : "nothing");
  if (!needsLogits(measure)) return { batch, sinks };
  const compared = reference >= 0;
  return {
    batch: {
      ...batch,
      logits: Uint8Array.from({ length: rows }, (_, row) => Number(scored(row))),
      targets: fill((row) => (scored(row) ? window[token(row) + 1]! : -1)),
      ...(compared && { references: fill((row) => (scored(row) ? row - (row % S) + reference : -1)) }),
    },
    sinks: { ...sinks, nll: new Float64Array(rows), ...(compared && { kl: new Float64Array(rows), top1: new Uint8Array(rows) }) },
  };
}

/** Adds the predictors' counts of one setting and layer. */
function addPredicted(score: Scores, sinks: NativeSinks, layer: number, rows: number, setting: number, settings: number): void {
  let [predicted, active, missed] = [0, 0, 0];
  for (let at = layer * rows + setting; at < (layer + 1) * rows; at += settings) {
    predicted += sinks.predicted![at]!;
    active += sinks.active![at]!;
    missed += sinks.missed![at]!;
  }
  score.addPredicted(layer, predicted, active, missed);
}

/** Adds the numbers of one chunk to the scores. */
function collect(
  { job, settings, scores, measure }: Walk,
  sinks: NativeSinks,
  { targets }: NativeBatch,
  w: number,
  start: number,
  count: number,
): void {
  const S = settings.length;
  const rows = count * S;
  scores.forEach((score, s) => {
    for (let layer = 0; layer < job.internals.weights.info.layers; layer++) {
      let [mid, gate, read] = [0, 0, 0];
      for (let at = layer * rows + s; at < (layer + 1) * rows; at += S) {
        mid += sinks.zerosInMid[at]!;
        gate += sinks.zerosInGate[at]!;
        read += sinks.rowsRead[at]!;
      }
      score.addCounts(layer, mid, gate, read);
      if (score.predicts) addPredicted(score, sinks, layer, rows, s, S);
    }
    for (let i = 0; targets && i < count; i++) {
      const row = i * S + s;
      if (targets[row]! < 0) continue;
      if (!Number.isFinite(sinks.nll![row])) throw notFinite(start + i);
      if (measure.includes("perplexity")) score.addNll(sinks.nll![row]!, job.windows.bytesAt(w, start + i + 1));
      if (sinks.kl && sinks.top1) {
        if (!Number.isFinite(sinks.kl[row])) throw notFinite(start + i);
        score.addKl(sinks.kl[row]!);
        score.addTop1(sinks.top1[row] === 1);
      }
    }
  });
}
