/** The comparison of two models' logits against its definition: the first of equal logits is the most likely token, in both. */
import { describe, expect, it } from "vitest";
import { compareRows, divergence, sameTop } from "./compare.js";

const V = 8;
/** Logits of `low` everywhere but at the places of `tops`. */
const tops = (places: readonly number[], low = -1) =>
  Float32Array.from({ length: V }, (_, v) => (places.includes(v) ? 2.5 : low));

describe("comparison with another model", () => {
  it.each([
    [[3, 6], [3], true],
    [[3, 6], [6], false],
    [[3], [3, 6], true],
    [[6], [3, 6], false],
    [[3, 6], [3, 5, 7], true],
    [[0, 7], [7], false],
    [[0, 7], [0], true],
  ])("the first of equal logits counts: %j against %j", (p, q, same) => {
    expect(sameTop(tops(p), tops(q))).toBe(same);
    expect(sameTop(tops(q), tops(p))).toBe(same);
  });

  it("each row is compared with the reference's row of its token", async () => {
    const [a, b] = [tops([3, 6]), tops([0])];
    const rows = [tops([3]), tops([6]), tops([0], -3), tops([0, 1])]; // two settings of two tokens
    const join = (list: readonly Float32Array[]) => Float32Array.from(list.flatMap((row) => [...row]));
    const { kl, top1 } = await compareRows(join([a, b]), join(rows), V, 2, undefined);
    expect([...top1]).toEqual([1, 0, 1, 1]);
    rows.forEach((q, row) => {
      const p = row < 2 ? a : b;
      const share = (x: Float32Array) => {
        const e = [...x].map(Math.exp);
        const sum = e.reduce((s, v) => s + v, 0);
        return e.map((v) => v / sum);
      };
      const want = share(p).reduce((sum, s, v) => sum + s * Math.log(s / share(q)[v]!), 0);
      expect(want).toBeGreaterThan(1e-3);
      expect(kl[row]).toBeCloseTo(want, 12);
    });
    expect(divergence(a, a)).toBe(0);
  });
});
