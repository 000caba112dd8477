/**
 * Sampling: how the next token is chosen from its logits. In llama.cpp's order: repeat penalty, top-k, top-p, min-p, temperature, then a
 * draw. Temperature 0 takes the most likely token after the penalty; the other steps make no difference then. The executor does it
 * (native/backend/sampling.h), in float64; here are the options and a random generator of our own. So a seed gives the same text on every
 * machine.
 *
 * - repeat penalty r: the logit of each token among the last 64 is divided by r where positive, multiplied by r where not (CTRL, 2019).
 * - top-k: the k largest logits; 0 keeps all. Ties: the lowest token id.
 * - top-p: the smallest set of most likely tokens whose probabilities add up to at least p.
 * - min-p: tokens with at least p times the probability of the most likely one.
 */
import { checkCount } from "../check.js";
import { checkOptions, LabError } from "../errors.js";
import type { NativeSampler } from "../native.js";
import { received } from "../received.js";

/**
 * How the next token is chosen. The steps in their order: repeat penalty, top-k, top-p, min-p, temperature, draw. So topP and minP cut the
 * model's own probabilities, as in llama.cpp; the temperature changes only the odds among the tokens that are left. (Transformers applies
 * the temperature first: the same numbers give another distribution there.)
 */
export interface SamplingOptions {
  /** Divides the logits of the tokens that are left, after the steps below. >= 0. Default 0: always the most likely token. */
  temperature?: number;
  /** Keeps the k most likely tokens. Default 0: all. */
  topK?: number;
  /** Keeps the smallest set of most likely tokens whose probabilities, before the temperature, add up to at least this. 0 < p <= 1. Default 1: all. */
  topP?: number;
  /** Keeps tokens with at least this share of the highest probability, before the temperature. 0 to 1. Default 0: all. */
  minP?: number;
  /** The first step: for tokens among the last 64, positive logits are divided by this, others multiplied. > 0. Default 1: no penalty. */
  repeatPenalty?: number;
  /** Of the random numbers, 0 to 2^32 - 1: the same seed gives the same tokens. Default 0. */
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

/** The records of one sampler after another; holds the state of the random generator. */
export class Sampler {
  readonly #options: Required<SamplingOptions>;
  readonly #random: () => number;

  constructor(options: SamplingOptions) {
    checkSampling(options);
    this.#options = { temperature: 0, topK: 0, topP: 1, minP: 0, repeatPenalty: 1, seed: 0, ...defined(options) };
    this.#random = sfc32(this.#options.seed);
  }

  /** How the token after `before` is drawn: the tokens so far, prompt included. Each call takes one random number. */
  next(before: readonly number[]): NativeSampler {
    const { seed: _, ...options } = this.#options;
    const recent = options.repeatPenalty === 1 ? undefined : Int32Array.from(before.slice(-REMEMBERED));
    const topK = Math.min(options.topK, 2 ** 32 - 1); // more than any vocabulary
    return { ...options, topK, uniform: options.temperature === 0 ? 0 : this.#random(), ...(recent && { recent }) };
  }
}

/** Always the most likely token. */
export const greedy: NativeSampler = { temperature: 0, topK: 0, topP: 1, minP: 0, repeatPenalty: 1, uniform: 0 };

const defined = <T extends object>(options: T): T =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;

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
