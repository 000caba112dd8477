/** Captured hook points: how many values and bytes they have, and how chunks are put together. */
import type { ParsedHook } from "../hooks.js";
import type { NativeModelInfo } from "../native.js";

export interface CapturedPoint {
  readonly hook: ParsedHook;
  /** (layers of the range, rows, width) */
  readonly data: Float32Array;
}

/** Values of one row at a point of one layer: D, F or V. */
export function widthOf(hook: ParsedHook, info: NativeModelInfo): number {
  return hook.width === "neuron" ? info.neurons : hook.width === "vocab" ? info.vocab : info.hidden;
}

/** Values of one row at a captured point, over all layers of its range. */
export const valuesPerRow = (hook: ParsedHook, info: NativeModelInfo): number => (hook.to - hook.from) * widthOf(hook, info);

/** Bytes of one row, for each capture. */
export const captureBytes = (captures: readonly ParsedHook[], info: NativeModelInfo): number[] =>
  captures.map((hook) => 4 * valuesPerRow(hook, info));

/** Copies a chunk (layers, rows, width) to its place in (layers, total, width), from row `start` on. */
export function placeChunk(
  chunk: Float32Array,
  rows: number,
  into: Float32Array,
  total: number,
  start: number,
  layers: number,
): void {
  const width = chunk.length / (layers * rows);
  for (let layer = 0; layer < layers; layer++) {
    into.set(chunk.subarray(layer * rows * width, (layer + 1) * rows * width), (layer * total + start) * width);
  }
}

/** A copy of the last of `rows` rows. */
export function lastRowOf({ hook, data }: CapturedPoint, rows: number): CapturedPoint {
  const layers = hook.to - hook.from;
  const width = data.length / (layers * rows);
  const row = new Float32Array(layers * width);
  for (let layer = 0; layer < layers; layer++) {
    const start = (layer * rows + rows - 1) * width;
    row.set(data.subarray(start, start + width), layer * width);
  }
  return { hook, data: row };
}

/** Captures of the same point joined along their rows: (layers, all rows, width). */
export function joinCaptures(parts: readonly CapturedPoint[]): CapturedPoint {
  const { hook } = parts[0]!;
  const layers = hook.to - hook.from;
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
  return { hook, data };
}
