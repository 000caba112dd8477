import { describe, expect, it } from "vitest";
import { random } from "../../test/support/seed.js";
import { largest, logProbabilities } from "../math.js";
import { type NativeSampler, native } from "../native.js";
import { checkSampling, Sampler, type SamplingOptions, sfc32 } from "./sampler.js";

/** The next token, as the executor draws it. */
const choose = (sampler: Sampler, row: Float32Array, before: readonly number[]) => native().draw(row, sampler.next(before));

/** The definition in a few lines: everything sorted. */
function twin(logits: Float32Array, { temperature, topK, topP, minP, repeatPenalty, uniform, recent }: NativeSampler): number {
  const row = logits.slice();
  for (const token of new Set(recent)) row[token] = row[token]! > 0 ? row[token]! / repeatPenalty : row[token]! * repeatPenalty;
  const likely = Array.from(row.keys()).sort((a, b) => row[b]! - row[a]! || a - b);
  const weight = (token: number, t = 1) => Math.exp((row[token]! - row[likely[0]!]!) / t);
  if (temperature === 0) return likely[0]!;
  let kept = topK > 0 ? likely.slice(0, topK) : Array.from(row.keys());
  if (topP < 1) {
    const total = kept.reduce((sum, token) => sum + weight(token), 0);
    let sum = 0;
    kept = kept
      .sort((a, b) => row[b]! - row[a]! || a - b)
      .filter((token) => {
        const needed = sum < topP * total;
        sum += weight(token);
        return needed;
      });
  }
  kept = kept.filter((token) => weight(token) >= minP);
  let left = uniform * kept.reduce((sum, token) => sum + weight(token, temperature), 0);
  for (const token of kept) {
    left -= weight(token, temperature);
    if (left < 0) return token;
  }
  return kept.at(-1)!;
}

const logits = Float32Array.of(1, 3, 2, -1, 0);
const softmax = (temperature: number) => {
  const weights = Array.from(logits, (x) => Math.exp(x / temperature));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / sum);
};
function shares(options: ConstructorParameters<typeof Sampler>[0], draws = 20000): number[] {
  const sampler = new Sampler(options);
  const counts = new Array<number>(logits.length).fill(0);
  for (let i = 0; i < draws; i++) counts[choose(sampler, logits, [])]!++;
  return counts.map((count) => count / draws);
}

describe("sampling", () => {
  it("takes the most likely token at temperature 0, the first of equal ones", () => {
    expect(choose(new Sampler({}), logits, [])).toBe(1);
    expect(choose(new Sampler({}), Float32Array.of(2, 5, 5), [])).toBe(1);
  });

  it("draws by the softmax of the temperature", () => {
    for (const temperature of [0.7, 1.5]) {
      const expected = softmax(temperature);
      shares({ temperature }).forEach((share, i) => {
        expect(share).toBeCloseTo(expected[i]!, 1.7);
      });
    }
  });

  it("cuts by top-k, top-p and min-p before the temperature", () => {
    const p = softmax(1); // 0.08 0.61 0.22 0.01 0.03, about
    expect(shares({ temperature: 1, topK: 2 })[0]).toBe(0);
    expect(shares({ temperature: 5, topP: p[1]! - 0.01 })).toEqual([0, 1, 0, 0, 0]);
    expect(shares({ temperature: 5, topP: p[1]! + 0.01 }).map((share) => share > 0)).toEqual([false, true, true, false, false]);
    expect(shares({ temperature: 5, minP: (p[0]! / p[1]!) * 0.99 }).map((share) => share > 0)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(shares({ temperature: 5, topK: 1 })).toEqual([0, 1, 0, 0, 0]);
  });

  it("makes tokens of the last 64 less likely", () => {
    const sampler = new Sampler({ repeatPenalty: 2 });
    expect(choose(sampler, logits, [1])).toBe(2); // 3 / 2 < 2
    expect(choose(sampler, logits, [1, ...new Array<number>(64).fill(3)])).toBe(1);
    expect(logits[1]).toBe(3);
  });

  it("gives the same draws for the same seed", () => {
    const draws = (seed: number) =>
      Array.from({ length: 50 }, (_, i) => i).map(
        (
          (sampler) => () =>
            choose(sampler, logits, [])
        )(new Sampler({ temperature: 1, seed })),
      );
    expect(draws(7)).toEqual(draws(7));
    expect(draws(7)).not.toEqual(draws(8));
  });

  it("has a generator that is even over its range", () => {
    const random = sfc32(1);
    const bins = new Array<number>(10).fill(0);
    for (let i = 0; i < 50000; i++) bins[Math.floor(random() * 10)]!++;
    for (const count of bins) expect(Math.abs(count - 5000)).toBeLessThan(300);
  });

  it("refuses what makes no sense", () => {
    for (const bad of [
      { temperature: -1 },
      { topP: 0 },
      { topP: 1.1 },
      { minP: -0.1 },
      { topK: 1.5 },
      { repeatPenalty: 0 },
      { seed: -1 },
      { temperature: Number.NaN },
    ]) {
      expect(() => checkSampling(bad), JSON.stringify(bad)).toThrow(/must be/);
    }
    expect(() => checkSampling({ temperatur: 1 } as never)).toThrow(/Did you mean "temperature"/);
  });

  it("draws the tokens of its definition, for any options", () => {
    const next = random;
    const one = <T>(list: readonly T[]) => list[Math.floor(next() * list.length)]!;
    for (let round = 0; round < 3000; round++) {
      const row = Float32Array.from({ length: 2 + Math.floor(next() * (round % 50 ? 300 : 5000)) }, () =>
        round % 3 ? next() * 16 - 8 : one([0, 1, 2]),
      );
      const options: SamplingOptions = {
        temperature: one([0, 0.1, 0.7, 1, 2]),
        topK: one([0, 1, 5, 1000]),
        topP: one([1, 1e-9, 0.3, 0.9, 0.999]),
        minP: one([0, 0.05, 1]),
        repeatPenalty: one([1, 1.1, 0.5]),
        seed: round,
      };
      const before = Array.from({ length: 100 }, () => Math.floor(next() * row.length));
      const drawn = new Sampler(options).next(before);
      expect(native().draw(row, drawn), JSON.stringify(options)).toBe(twin(row, drawn));
    }
  });

  it("refuses logits and samplers that cannot be drawn from", () => {
    const plain = new Sampler({ temperature: 1 }).next([]);
    expect(() => native().draw(Float32Array.of(1, Number.NaN), plain)).toThrow(/not finite/);
    expect(() => native().draw(new Float32Array(0), plain)).toThrow(/expected 1 to/);
    expect(() => native().draw(logits, { ...plain, recent: Int32Array.of(5) })).toThrow(/recent token 5.*expected 0 to 4/);
    expect(() => native().draw(logits, { ...plain, topP: Number.NaN })).toThrow(/top_p/);
    const penalty = { ...plain, repeatPenalty: 1e-300, recent: Int32Array.of(1) };
    expect(() => native().draw(logits, penalty)).toThrow(/repeatPenalty 1e-300 takes the logit of token 1 from 3 to/);
  });

  it("finds the largest of a whole vocabulary, as a sort does", () => {
    const next = random;
    const row = Float32Array.from({ length: 20_000 }, () => Math.floor(next() * 1000));
    const sorted = Array.from(row.keys()).sort((a, b) => row[b]! - row[a]! || a - b);
    for (const k of [0, 1, 10, 300, 20_000, 30_000]) expect(largest(row, k)).toEqual(sorted.slice(0, k));
  });

  it("sums exponentials without overflow", () => {
    expect(logProbabilities(Float32Array.of(1000, 1000))(1)).toBeCloseTo(-Math.LN2, 12);
    expect(logProbabilities(Float32Array.of(3e38, 3e38))(0)).toBeCloseTo(-Math.LN2, 12);
  });
});
