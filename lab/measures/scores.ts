/**
 * The sums of one setting over a corpus, and the measures computed from them. Sums are counts or float64. Standard errors come from the
 * spread of the windows' means (tokens of a window are not independent), so they are NaN until two windows are finished:
 *   stderr(mean) = sd(means of the windows, n - 1) / sqrt(windows); of perplexity: perplexity · stderr(mean nll).
 * L layers, F neurons.
 */
import { tensor } from "../tensor.js";
import type { Measure, MeasureMap } from "./report.js";

export class Scores {
  readonly #neurons: number;
  readonly #zerosInMid: Float64Array;
  readonly #zerosInGate: Float64Array;
  readonly #rowsRead: Float64Array;
  /** (L) each, under strategy `predicted`. */
  readonly #predicted: Float64Array;
  readonly #active: Float64Array;
  readonly #missed: Float64Array;
  /** (L); undefined where the setting does not predict. */
  readonly #cutoff: Float32Array | undefined;
  tokens = 0;
  #nll = new Spread();
  #kl = new Spread(true);
  #top1 = new Spread();
  #scoredBytes = 0;

  /** @param cutoff (L) of strategy `predicted` */
  constructor(layers: number, neurons: number, cutoff?: Float32Array) {
    this.#neurons = neurons;
    this.#zerosInMid = new Float64Array(layers);
    this.#zerosInGate = new Float64Array(layers);
    this.#rowsRead = new Float64Array(layers);
    this.#predicted = new Float64Array(layers);
    this.#active = new Float64Array(layers);
    this.#missed = new Float64Array(layers);
    this.#cutoff = cutoff;
  }

  /** Counts of one layer over `tokens` rows. */
  addCounts(layer: number, zerosInMid: number, zerosInGate: number, rowsRead: number): void {
    this.#zerosInMid[layer]! += zerosInMid;
    this.#zerosInGate[layer]! += zerosInGate;
    this.#rowsRead[layer]! += rowsRead;
  }
  addPredicted(layer: number, predicted: number, active: number, missed: number): void {
    this.#predicted[layer]! += predicted;
    this.#active[layer]! += active;
    this.#missed[layer]! += missed;
  }
  addNll(value: number, bytes: number): void {
    this.#nll.add(value);
    this.#scoredBytes += bytes;
  }
  addKl(value: number): void {
    this.#kl.add(value);
  }
  addTop1(agrees: boolean): void {
    this.#top1.add(agrees ? 1 : 0);
  }
  endWindow(): void {
    this.#nll.endWindow();
    this.#kl.endWindow();
    this.#top1.endWindow();
  }
  /** Whether a token has been scored. */
  get scored(): boolean {
    return this.#nll.count > 0 || this.#kl.count > 0 || this.#top1.count > 0;
  }

  measures<M extends Measure>(wanted: readonly M[]): { readonly [K in M]: MeasureMap[K] } {
    const made: { [K in Measure]: () => MeasureMap[K] } = {
      sparsity: () => this.sparsity(),
      perplexity: () => this.perplexity(),
      predictor: () => this.predictor(),
      kl: () => this.kl(),
      top1: () => ({ agreement: this.#top1.mean, stderr: this.#top1.stderr }),
    };
    return Object.fromEntries(wanted.map((name) => [name, made[name]()])) as unknown as { readonly [K in M]: MeasureMap[K] };
  }

  /** S(l) = zeros in x₁ / (tokens · F); mean over the layers (ProSparse). */
  sparsity(): MeasureMap["sparsity"] {
    const share = (sums: Float64Array) =>
      sums.reduce((sum, value) => sum + value, 0) / (this.tokens * this.#neurons * sums.length);
    return {
      mean: share(this.#zerosInMid),
      byLayer: Float32Array.from(this.#zerosInMid, (zeros) => zeros / (this.tokens * this.#neurons)),
      zerosInGate: share(this.#zerosInGate),
      rowsSkipped: 1 - share(this.#rowsRead),
    };
  }
  /** Whether the setting predicts. */
  get predicts(): boolean {
    return this.#cutoff !== undefined;
  }
  /** recall(l) = predicted and active / active; predicted sparsity(l) = not predicted / (tokens · F) (ProSparse, appendix C). */
  predictor(): MeasureMap["predictor"] {
    const layers = this.#active.length;
    const cutoff = this.#cutoff ?? new Float32Array(layers).fill(Number.NaN);
    return {
      recall: tensor(
        Float32Array.from(this.#active, (active, l) => 1 - this.#missed[l]! / active),
        ["layer", "cutoff"],
        [layers, 1],
      ),
      predictedSparsity: tensor(
        Float32Array.from(this.#predicted, (predicted) => 1 - predicted / (this.tokens * this.#neurons)),
        ["layer", "cutoff"],
        [layers, 1],
      ),
      cutoffs: Float32Array.of(cutoff.every((value) => value === cutoff[0]) ? cutoff[0]! : Number.NaN),
    };
  }
  /** exp(mean nll); bits per byte = Σ nll / (bytes · ln 2). */
  perplexity(): MeasureMap["perplexity"] {
    const value = Math.exp(this.#nll.mean);
    return { value, stderr: value * this.#nll.stderr, bitsPerByte: this.#nll.sum / (this.#scoredBytes * Math.LN2) };
  }
  kl(): MeasureMap["kl"] {
    const sorted = this.#kl.sorted();
    return {
      mean: this.#kl.mean,
      stderr: this.#kl.stderr,
      median: quantile(sorted, 0.5),
      p99: quantile(sorted, 0.99),
      max: sorted.at(-1) ?? Number.NaN,
    };
  }
}

/** A mean over tokens, and the spread of the windows' means. */
class Spread {
  count = 0;
  sum = 0;
  /** The sorted values, and the new ones since: a sweep computes quantiles after each chunk, and only the new ones are sorted. */
  #sorted = new Float64Array(0);
  #fresh: number[] | undefined;
  readonly #means: number[] = [];
  #windowCount = 0;
  #windowSum = 0;

  constructor(keepsValues = false) {
    this.#fresh = keepsValues ? [] : undefined;
  }
  add(value: number): void {
    this.count++;
    this.sum += value;
    this.#windowCount++;
    this.#windowSum += value;
    this.#fresh?.push(value);
  }
  endWindow(): void {
    if (this.#windowCount > 0) this.#means.push(this.#windowSum / this.#windowCount);
    [this.#windowCount, this.#windowSum] = [0, 0];
  }
  get mean(): number {
    return this.sum / this.count;
  }
  get stderr(): number {
    const n = this.#means.length;
    const mean = this.#means.reduce((sum, value) => sum + value, 0) / n;
    return n < 2 ? Number.NaN : Math.sqrt(this.#means.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1) / n);
  }
  sorted(): Float64Array {
    if (!this.#fresh?.length) return this.#sorted;
    const [old, fresh] = [this.#sorted, Float64Array.from(this.#fresh).sort()];
    const all = new Float64Array(old.length + fresh.length);
    for (let i = 0, j = 0, at = 0; at < all.length; at++) {
      all[at] = j >= fresh.length || (i < old.length && old[i]! <= fresh[j]!) ? old[i++]! : fresh[j++]!;
    }
    this.#sorted = all;
    this.#fresh = [];
    return all;
  }
}

/** Linear between the two nearest values. */
export function quantile(sorted: Float64Array, q: number): number {
  const place = q * (sorted.length - 1);
  const low = Math.floor(place);
  return sorted.length === 0 ? Number.NaN : sorted[low]! + (place - low) * ((sorted[low + 1] ?? sorted[low]!) - sorted[low]!);
}
