/** The model that is measured: a random file of a real model's shape, and what one token of it costs in bytes and operations. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { bytesText } from "../../lab/text.js";
import type { Program } from "./program.js";

export const TYPES = ["f16", "q8_0"] as const;
export type WeightType = (typeof TYPES)[number];

export interface Shape {
  readonly hidden: number;
  readonly neurons: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly vocab: number;
  readonly context: number;
  /** Share of neurons that are silent under ReLU. */
  readonly sparsity: number;
}

/** openbmb/MiniCPM-S-1B-sft in its llama format, which is as sparse. */
export const MINICPM_S_1B: Shape = {
  hidden: 1536,
  neurons: 3840,
  layers: 52,
  heads: 24,
  kvHeads: 8,
  vocab: 73440,
  context: 4096,
  sparsity: 0.9,
};
/** For trying out the bench itself. */
export const SMALL: Shape = { ...MINICPM_S_1B, hidden: 256, neurons: 1024, layers: 2, heads: 4, kvHeads: 2, vocab: 2048 };

const BYTES: Readonly<Record<WeightType, number>> = { f16: 2, q8_0: 34 / 32 };

/** Weights of all layers that a dense token multiplies with, without the output matrix. */
const layerWeights = ({ hidden: D, neurons: F, layers: L, heads: H, kvHeads: G }: Shape): number =>
  L * (2 * D * D + 2 * D * ((D / H) * G) + 3 * D * F);

/** Bytes of weights that a dense engine reads for one token: every matrix once, one row of the embedding, the norms. */
export function denseBytes(shape: Shape, type: WeightType): number {
  const { hidden: D, layers: L, vocab: V } = shape;
  return (layerWeights(shape) + V * D + D) * BYTES[type] + (2 * L + 1) * D * 4;
}

export function fileBytes(shape: Shape, type: WeightType): number {
  return denseBytes(shape, type) + (shape.vocab - 1) * shape.hidden * BYTES[type];
}

/** Operations of a dense prefill of `tokens` tokens, logits of the last: a multiply-add is two. */
export function prefillOperations(shape: Shape, tokens: number): number {
  const { hidden: D, layers: L, vocab: V } = shape;
  const attention = L * 2 * D * ((tokens * (tokens + 1)) / 2); // scores and weighted sum over all earlier positions
  return 2 * (layerWeights(shape) * tokens + V * D + attention);
}

const fileName = (shape: Shape, type: WeightType): string =>
  `${[shape.hidden, shape.neurons, shape.layers, shape.heads, shape.kvHeads, shape.vocab, shape.sparsity].join("-")}-${type}-v1.gguf`;

/** Writes the file into `folder` where it is not there; its path. */
export async function modelFile(program: Program, folder: string, shape: Shape, type: WeightType): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, fileName(shape, type));
  if (existsSync(path)) return path;
  const { bavail, bsize } = statfsSync(folder);
  const [needed, free] = [fileBytes(shape, type), bavail * bsize];
  if (needed > free)
    throw new Error(
      `the ${type} model takes ${bytesText(needed)} and ${folder} has ${bytesText(free)} free: ${bytesText(needed - free)} are missing; name another folder with --dir, or take fewer layers with --layers`,
    );
  const part = `${path}.${process.pid}.part`;
  try {
    const { hidden, neurons, layers, heads, kvHeads, vocab, context, sparsity } = shape;
    await program.ask("write", part, type, hidden, neurons, layers, heads, kvHeads, vocab, context, sparsity);
    renameSync(part, path);
  } finally {
    rmSync(part, { force: true });
  }
  return path;
}

/** Bytes that the machine could give to programs and its page cache. */
export function availableMemory(): number {
  const line = /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync("/proc/meminfo", "utf8"));
  return Number(line?.[1] ?? 0) * 1024;
}

/**
 * What a run of one type needs: the file in the page cache, and beside it at most a copy of it by llama.cpp (repacked weights), our copy
 * of `ffn_down`, caches, and the memory whose bandwidth is measured.
 */
export function checkMemory(shape: Shape, type: WeightType, streamBytes: number): void {
  const needed = 2.5 * fileBytes(shape, type) + streamBytes;
  const free = availableMemory();
  if (needed > free)
    throw new Error(
      `a run with the ${type} model needs about ${bytesText(needed)} of memory and ${bytesText(free)} are free: weights would come from the disk; take fewer layers with --layers, or close other programs`,
    );
}
