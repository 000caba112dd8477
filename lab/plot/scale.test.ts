import { describe, expect, it } from "vitest";
import { qualityAxis } from "./quality.js";
import { scaleFor } from "./scale.js";

const kl = qualityAxis("test", "kl");
const perplexity = qualityAxis("test", "perplexity");

describe("the y axis of a measure", () => {
  it("is linear for values of one size, with room for names above and notes below", () => {
    const { axis, place, inAxis } = scaleFor([1.7, 1.8, 2.7], perplexity);
    const { range } = axis as { range: [number, number] };
    expect(range[0]).toBeLessThan(1.7 - 0.1);
    expect(range[1]).toBeGreaterThan(2.7 + 0.1);
    expect([place(1.8), inAxis(1.8), place(0)]).toEqual([1.8, 1.8, 0]);
  });

  it("is logarithmic where a model falls apart", () => {
    const { axis, inAxis } = scaleFor([1.7, 900], perplexity);
    expect(axis).toMatchObject({ type: "log" });
    expect(inAxis(100)).toBeCloseTo(2, 12);
  });

  it("puts zeros, and what rounding left below them, on a floor with its own tick", () => {
    const { axis, place } = scaleFor([0, -1e-9, 0.002, 0.5], kl);
    const { tickvals, ticktext, range } = axis as { tickvals: number[]; ticktext: string[]; range: [number, number] };
    expect(ticktext).toEqual(["0", "0.001", "0.01", "0.1", "1"]);
    expect(place(0)).toBe(tickvals[0]);
    expect(place(-1e-9)).toBe(tickvals[0]);
    expect(place(0.002)).toBe(0.002);
    expect(range[0]).toBeLessThan(Math.log10(tickvals[0]!));
  });

  it("works without values, and with one", () => {
    expect(scaleFor([], kl).place(3)).toBe(3);
    expect(scaleFor([Number.NaN, 2], perplexity).axis).toEqual({});
  });
});
