/**
 * The golden models of test/golden/forward: small random llamas as files, with the logits (and for one model the captures) that
 * transformers computed from the same weights. `fixtures` is found from the sources and from the build alike.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageInfo } from "../../lab/package.js";

export interface GoldenModel {
  readonly name: string;
  readonly tokens: readonly number[];
  readonly vocab: number;
  readonly activation: "relu" | "silu" | "fatrelu";
  readonly t: number | readonly number[] | null;
  readonly layers: number;
  readonly hidden: number;
  readonly neurons: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly ropeBase: number;
  readonly tied: boolean;
  readonly magic: "GGUF" | "PWRI";
  readonly version: number;
  /** Ranks of the predictors, one for each layer. */
  readonly ranks: readonly number[];
  readonly zerosInMid: number;
  /** Smallest distance of a gate from its t; large enough that rounding cannot matter. */
  readonly marginToT: number | null;
  /** Shapes by hook point. */
  readonly captures: Readonly<Record<string, readonly number[]>>;
}

/** The root of the clone. */
export const root = (): string => packageInfo().root;

const folder = () => join(root(), "test", "golden", "forward");
const index = () =>
  JSON.parse(readFileSync(join(folder(), "models.json"), "utf8")) as { source: string; models: readonly GoldenModel[] };

export const goldenSource = (): string => index().source;
export const goldenModels = (): readonly GoldenModel[] => index().models;
export const goldenFile = (model: GoldenModel): string => join(folder(), `${model.name}.gguf`);
/** (T, V), or the capture of a point. */
export function goldenValues(model: GoldenModel, point?: string): Float32Array {
  const bytes = readFileSync(join(folder(), `${model.name}${point ? `.${point}` : ""}.f32`));
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

/** ‖a − b‖₂ / ‖b‖₂; NaN where a value is not finite, so that every comparison with it is false. */
export function relativeError(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new Error(`${a.length} values against ${b.length}`);
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < a.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    norm += b[i]! ** 2;
  }
  const error = Math.sqrt(difference / norm);
  return Number.isFinite(error) ? error : Number.NaN;
}

/** The relative error of each row. */
export function rowErrors(a: Float32Array, b: Float32Array, width: number): number[] {
  return Array.from({ length: b.length / width }, (_, row) =>
    relativeError(a.subarray(row * width, (row + 1) * width), b.subarray(row * width, (row + 1) * width)),
  );
}
