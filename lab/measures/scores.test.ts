import { describe, expect, it } from "vitest";
import { random } from "../../test/support/seed.js";
import { quantile, Scores } from "./scores.js";

describe("sums and the measures computed from them", () => {
  it("give means over all tokens and standard errors over windows", () => {
    const scores = new Scores(1, 10);
    const windows = [
      [0.1, 0.3],
      [0.5, 0.9],
      [0.2, 0.4],
    ];
    for (const window of windows) {
      for (const value of window) {
        scores.addNll(value, 3);
        scores.addKl(value);
        scores.addTop1(value < 0.5);
      }
      scores.endWindow();
    }
    const all = windows.flat();
    const mean = all.reduce((sum, value) => sum + value, 0) / 6;
    const means = windows.map(([a, b]) => (a! + b!) / 2);
    const sd = Math.sqrt(means.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 2);
    const { perplexity, kl, top1 } = scores.measures(["perplexity", "kl", "top1"]);
    expect(perplexity.value).toBeCloseTo(Math.exp(mean), 12);
    expect(perplexity.stderr).toBeCloseTo((Math.exp(mean) * sd) / Math.sqrt(3), 12);
    expect(perplexity.bitsPerByte).toBeCloseTo((mean * 6) / (18 * Math.LN2), 12);
    expect(kl.mean).toBeCloseTo(mean, 12);
    expect(kl.median).toBeCloseTo(0.35, 12);
    expect(kl.max).toBe(0.9);
    expect(top1.agreement).toBeCloseTo(4 / 6, 12);
  });

  it("know no standard error of one window", () => {
    const scores = new Scores(1, 10);
    scores.addKl(1);
    scores.endWindow();
    expect(scores.kl().stderr).toBeNaN();
  });

  it("count zeros beyond what float32 can count", () => {
    const scores = new Scores(2, 1);
    scores.tokens = 2 ** 25 + 2;
    scores.addCounts(0, 2 ** 25 + 1, 2 ** 25 + 1, 0);
    scores.addCounts(1, 0, 0, 2 ** 25 + 2);
    const { mean, zerosInGate, rowsSkipped } = scores.sparsity();
    expect(mean).toBe((2 ** 25 + 1) / (2 ** 25 + 2) / 2);
    expect(zerosInGate).toBe(mean);
    expect(rowsSkipped).toBe(0.5);
  });

  it("have the same quantiles whenever they are asked for", () => {
    const [often, once] = [new Scores(1, 10), new Scores(1, 10)];
    const values: number[] = [];
    for (let chunk = 0; chunk < 30; chunk++) {
      for (let i = 0; i < (chunk * 7) % 13; i++) {
        const value = random() < 0.2 ? 0.5 : random();
        values.push(value);
        often.addKl(value);
        once.addKl(value);
      }
      const { median, max } = often.kl();
      const sorted = Float64Array.from(values).sort();
      expect([median, max]).toEqual([quantile(sorted, 0.5), sorted.at(-1) ?? Number.NaN]);
    }
    expect(often.kl()).toEqual(once.kl());
  });

  it("have quantiles between the nearest values", () => {
    expect(quantile(Float64Array.of(1, 2, 3, 4), 0.5)).toBe(2.5);
    expect(quantile(Float64Array.of(1, 2, 3, 4), 0.99)).toBeCloseTo(3.97, 12);
    expect(quantile(Float64Array.of(), 0.5)).toBeNaN();
  });
});
