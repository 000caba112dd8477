import { describe, expect, it } from "vitest";
import { samplePoints } from "./sample.js";
import { threshold } from "./threshold.js";

type Trace = { readonly x: number[]; readonly y: number[]; readonly yaxis: string };
const traces = (figure: { data: readonly object[] }) => figure.data as readonly Trace[];

describe("plot.threshold", () => {
  it("draws sparsity above and quality below, over one t axis", () => {
    const [above, below] = traces(threshold(samplePoints().toReversed(), "perplexity"));
    expect(above!.x).toEqual([0, 0.4, 0.8, 1.25, 1.5, 2, 2.5, 3]);
    expect(below!.x).toEqual(above!.x);
    expect([above!.yaxis, below!.yaxis]).toEqual(["y", "y2"]);
    expect(above!.y.at(-1)).toBe(99.6);
    expect(below!.y.at(-1)).toBe(3.8295);
  });

  it("places thresholds of each layer at their mean", () => {
    const [point] = samplePoints();
    const figure = threshold([{ ...point!, setting: { kind: "fatrelu", t: [0.5, 1, 1.5] } }], "kl");
    expect(traces(figure)[0]!.x).toEqual([1]);
  });

  it("draws the price line on the panel of perplexity only", () => {
    const { shapes } = threshold(samplePoints(), "perplexity").layout as { shapes: { yref: string }[] };
    expect(shapes.map(({ yref }) => yref)).toEqual(["y2", "y2"]);
    expect((threshold(samplePoints(), "top1").layout as { shapes: object[] }).shapes).toEqual([]);
  });

  it("draws both panels without points", () => {
    const figure = threshold([], "top1");
    expect(traces(figure).map(({ yaxis }) => yaxis)).toEqual(["y", "y2"]);
  });

  it("refuses points without a threshold", () => {
    const [point] = samplePoints();
    expect(() => threshold([{ ...point!, setting: { kind: "as-trained" } }], "kl")).toThrow(
      /"as-trained" has no threshold.*plot\.pareto/,
    );
  });
});
