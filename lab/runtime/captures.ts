/** Captured hook points: how many values and bytes they have, and how chunks are put together. */
import type { ParsedHook } from "../hooks.js";
import type { NativeModelInfo } from "../native.js";

export interface CapturedPoint {
  readonly hook: ParsedHook;
  /** (layers of the range, rows, width); of scores and pattern (layers, H, rows, keys). */
  readonly data: Float32Array;
  /** Pieces of `data` that each hold all rows: layers, and of scores and pattern layers · H. */
  readonly blocks: number;
  /** Heads of the point, where it has a head axis. */
  readonly heads: number;
}

/** Whether a point is captured as (head, query, key). */
export const isByKey = ({ width }: Pick<ParsedHook, "width">): boolean => width === "key";
/** Heads of a point; 1 where it has no head axis. */
export function headsOf({ point, axes }: ParsedHook, info: NativeModelInfo): number {
  if (!axes.includes("head")) return 1;
  return point === "attn.k" || point === "attn.v" ? info.kvHeads : info.heads;
}
/** Values of one row at a point of one layer: D, F, V or heads · K; of scores and pattern, the values of one key: heads. */
export function widthOf(hook: ParsedHook, info: NativeModelInfo): number {
  if (isByKey(hook)) return info.heads;
  if (hook.width === "channel") return headsOf(hook, info) * info.headSize;
  return hook.width === "neuron" ? info.neurons : hook.width === "vocab" ? info.vocab : info.hidden;
}

/** Values of one row at a captured point, over all layers of its range. @param keys of a row of scores or pattern */
export const valuesPerRow = (hook: ParsedHook, info: NativeModelInfo, keys: number): number =>
  (hook.to - hook.from) * widthOf(hook, info) * (isByKey(hook) ? keys : 1);

/** Bytes of one row, for each capture. */
export const captureBytes = (captures: readonly ParsedHook[], info: NativeModelInfo, keys: number): number[] =>
  captures.map((hook) => 4 * valuesPerRow(hook, info, keys));

/** The captured values of a point. */
export const capturedPoint = (hook: ParsedHook, data: Float32Array, info: NativeModelInfo): CapturedPoint => ({
  hook,
  data,
  blocks: blocksOf(hook, info),
  heads: headsOf(hook, info),
});
export const blocksOf = (hook: ParsedHook, info: NativeModelInfo): number =>
  (hook.to - hook.from) * (isByKey(hook) ? info.heads : 1);

/** Copies a chunk (blocks, rows, width) to its place in (blocks, total, width), from row `start` on. */
export function placeChunk(
  chunk: Float32Array,
  rows: number,
  into: Float32Array,
  total: number,
  start: number,
  blocks: number,
): void {
  const width = chunk.length / (blocks * rows);
  for (let layer = 0; layer < blocks; layer++) {
    into.set(chunk.subarray(layer * rows * width, (layer + 1) * rows * width), (layer * total + start) * width);
  }
}

/** A copy of the last of `rows` rows. */
export function lastRowOf({ data, blocks: layers, ...rest }: CapturedPoint, rows: number): CapturedPoint {
  const width = data.length / (layers * rows);
  const row = new Float32Array(layers * width);
  for (let layer = 0; layer < layers; layer++) {
    const start = (layer * rows + rows - 1) * width;
    row.set(data.subarray(start, start + width), layer * width);
  }
  return { ...rest, blocks: layers, data: row };
}

/** Captures of the same point joined along their rows: (blocks, all rows, width). Not of scores and pattern, whose rows may have different lengths. */
export function joinCaptures(parts: readonly CapturedPoint[]): CapturedPoint {
  const { blocks: layers } = parts[0]!;
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  const span = data.length / layers;
  for (let layer = 0; layer < layers; layer++) {
    let at = layer * span;
    for (const part of parts) {
      const own = part.data.length / layers;
      data.set(part.data.subarray(layer * own, (layer + 1) * own), at);
      at += own;
    }
  }
  return { ...parts[0]!, data };
}
