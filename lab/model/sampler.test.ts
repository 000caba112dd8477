import { describe, expect, it } from "vitest";
import { logSumExp } from "../math.js";
import { checkSampling, Sampler, sfc32 } from "./sampler.js";

const logits = Float32Array.of(1, 3, 2, -1, 0);
const softmax = (temperature: number) => {
  const weights = Array.from(logits, (x) => Math.exp(x / temperature));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / sum);
};
function shares(options: ConstructorParameters<typeof Sampler>[0], draws = 20000): number[] {
  const sampler = new Sampler(options);
  const counts = new Array<number>(logits.length).fill(0);
  for (let i = 0; i < draws; i++) counts[sampler.choose(logits, [])]!++;
  return counts.map((count) => count / draws);
}

describe("sampling", () => {
  it("takes the most likely token at temperature 0, the first of equal ones", () => {
    expect(new Sampler({}).choose(logits, [])).toBe(1);
    expect(new Sampler({}).choose(Float32Array.of(2, 5, 5), [])).toBe(1);
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
    expect(sampler.choose(logits, [1])).toBe(2); // 3 / 2 < 2
    expect(sampler.choose(logits, [1, ...new Array<number>(64).fill(3)])).toBe(1);
    expect(logits[1]).toBe(3);
  });

  it("gives the same draws for the same seed", () => {
    const draws = (seed: number) =>
      Array.from({ length: 50 }, (_, i) => i).map(
        (
          (sampler) => () =>
            sampler.choose(logits, [])
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

  it("sums exponentials without overflow", () => {
    expect(logSumExp(Float32Array.of(1000, 1000))).toBeCloseTo(1000 + Math.LN2, 9);
  });
});
