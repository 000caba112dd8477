/**
 * Sampling: how the next token is chosen from its logits. In llama.cpp's order: repeat penalty, top-k, top-p, min-p, temperature, then a
 * draw. Temperature 0 takes the most likely token after the penalty; the other steps make no difference then. Everything runs in float64
 * with a random generator of our own, so a seed gives the same text on every machine.
 *
 * - repeat penalty r: the logit of each token among the last 64 is divided by r where positive, multiplied by r where not (CTRL, 2019).
 * - top-k: the k largest logits; 0 keeps all. Ties: the lowest token id.
 * - top-p: the smallest set of most likely tokens whose probabilities add up to at least p.
 * - min-p: tokens with at least p times the probability of the most likely one.
 */
import { checkCount } from "../check.js";
import { checkOptions, LabError } from "../errors.js";
import { largest } from "../math.js";
import { received } from "../received.js";

export interface SamplingOptions {
  /** Default 0: always the most likely token. */
  temperature?: number;
  /** Default 0: all tokens. */
  topK?: number;
  /** Default 1: all tokens. */
  topP?: number;
  /** Default 0: all tokens. */
  minP?: number;
  /** Default 1: no penalty. */
  repeatPenalty?: number;
  /** Default 0. */
  seed?: number;
}
const REMEMBERED = 64;

export function checkSampling(options: SamplingOptions): void {
  checkOptions("sampling", options, ["temperature", "topK", "topP", "minP", "repeatPenalty", "seed"]);
  const within = (name: keyof SamplingOptions, least: number, most: number, open = false) => {
    const value = options[name];
    if (value === undefined || (Number.isFinite(value) && (open ? value > least : value >= least) && value <= most)) return;
    const range =
      most === Number.MAX_VALUE ? `${open ? ">" : ">="} ${least}` : `from ${least} to ${most}${open ? `, and not ${least}` : ""}`;
    throw new LabError("invalid-option", `${name} must be a number ${range}, received ${received(value)}`);
  };
  within("temperature", 0, Number.MAX_VALUE);
  within("topP", 0, 1, true);
  within("minP", 0, 1);
  within("repeatPenalty", 0, Number.MAX_VALUE, true);
  checkCount("topK", options.topK, 0);
  checkCount("seed", options.seed, 0, 2 ** 32 - 1);
}

/** Chooses one token after another; holds the state of the random generator. */
export class Sampler {
  readonly #options: Required<SamplingOptions>;
  readonly #random: () => number;

  constructor(options: SamplingOptions) {
    checkSampling(options);
    this.#options = { temperature: 0, topK: 0, topP: 1, minP: 0, repeatPenalty: 1, seed: 0, ...defined(options) };
    this.#random = sfc32(this.#options.seed);
  }

  /** Chooses from logits (V), which it does not change. `before`: the tokens so far, prompt included. */
  choose(logits: Float32Array, before: readonly number[]): number {
    const { temperature, topK, topP, minP, repeatPenalty } = this.#options;
    const penalised = penalise(logits, before, repeatPenalty);
    const best = largest(penalised, 1)[0]!;
    if (temperature === 0) return best;
    const weight = (token: number) => Math.exp(penalised[token]! - penalised[best]!);
    let kept = topK > 0 ? largest(penalised, topK) : Array.from(penalised.keys());
    if (topP < 1) kept = nucleus(kept, weight, topP);
    if (minP > 0) kept = kept.filter((token) => weight(token) >= minP);
    return this.#draw(
      kept,
      kept.map((token) => Math.exp((penalised[token]! - penalised[best]!) / temperature)),
    );
  }

  #draw(tokens: readonly number[], weights: readonly number[]): number {
    let left = this.#random() * weights.reduce((sum, weight) => sum + weight, 0);
    for (let i = 0; i < tokens.length; i++) {
      left -= weights[i]!;
      if (left < 0) return tokens[i]!;
    }
    return tokens.at(-1)!;
  }
}

const defined = <T extends object>(options: T): T =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;

function penalise(logits: Float32Array, before: readonly number[], penalty: number): Float32Array {
  if (penalty === 1) return logits;
  const out = logits.slice();
  for (const token of new Set(before.slice(-REMEMBERED)))
    out[token] = out[token]! > 0 ? out[token]! / penalty : out[token]! * penalty;
  return out;
}

/** The smallest set of most likely tokens that holds the share p of the weight. */
function nucleus(tokens: readonly number[], weight: (token: number) => number, p: number): number[] {
  const weights = new Map(tokens.map((token) => [token, weight(token)]));
  const total = tokens.reduce((sum, token) => sum + weights.get(token)!, 0);
  // All tokens below this weigh less than 1 - p together, so only the others are sorted.
  const least = ((1 - p) * total) / tokens.length;
  const likely = tokens
    .filter((token) => weights.get(token)! >= least)
    .sort((a, b) => weights.get(b)! - weights.get(a)! || a - b);
  let [sum, count] = [0, 0];
  while (count < likely.length && sum < p * total) sum += weights.get(likely[count++]!)!;
  return likely.slice(0, Math.max(1, count));
}

/** sfc32 (PractRand): 128 bits of state, seeded with 32 and stirred 15 times; numbers in [0, 1) of 32 bits. */
export function sfc32(seed: number): () => number {
  let [a, b, c, d] = [seed | 0, 0x9e3779b9 | 0, 0x243f6a88 | 0, 1];
  const next = () => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    c |= 0;
    return (t >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 15; i++) next();
  return next;
}
