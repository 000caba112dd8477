import { describe, expect, it } from "vitest";
import { pareto } from "./pareto.js";
import { samplePoints, sampleProvenance } from "./sample.js";

interface Trace {
  readonly name: string;
  readonly x: number[];
  readonly y: number[];
  readonly text: string[];
  readonly customdata: string[];
  readonly marker: { readonly symbol: string[]; readonly size: number[] };
}
const traces = (figure: { data: readonly object[] }) => figure.data as readonly Trace[];
const layoutOf = (figure: { layout: object }) =>
  figure.layout as {
    title: { text: string; subtitle: { text: string } };
    xaxis: { title: { text: string } };
    yaxis: { title: { text: string }; type?: string; tickvals?: number[]; ticktext?: string[] };
    shapes: { y0: number; y1: number }[];
    annotations: { text: string }[];
  };

describe("plot.pareto", () => {
  it("draws sparsity in percent against quality, the densest point first", () => {
    const figure = pareto(samplePoints().toReversed(), "perplexity");
    const [line] = traces(figure);
    expect(figure.data).toHaveLength(1);
    expect(line!.x).toEqual([91.4, 94.7, 96.7, 98, 98.4, 99, 99.4, 99.6]);
    expect(line!.y[0]).toBe(1.7099);
    expect(line!.y.at(-1)).toBe(3.8295);
    expect(layoutOf(figure).xaxis.title.text).toMatch(/%/);
  });

  it("finds what 1 % more perplexity buys, and draws its line above the baseline", () => {
    const figure = pareto(samplePoints(), "perplexity");
    const { title, shapes, annotations } = layoutOf(figure);
    expect(title.subtitle.text).toBe("up to t = 1.5: 98.4 % silent instead of 91.4 %, for at most 1 % more perplexity");
    expect(shapes.map(({ y0 }) => y0)).toEqual([1.7099, 1.01 * 1.7099]);
    expect(annotations[0]!.text).toMatch(/1 % more perplexity: 1\.727 \(baseline 1\.71\)/);
    expect(traces(figure)[0]!.marker.size.indexOf(13)).toBe(4);
    expect(layoutOf(pareto(samplePoints(), "kl")).shapes).toEqual([]);
  });

  it("shows running points hollow, and never calls one of them the best", () => {
    const running = samplePoints().map((point, i) => ({ ...point, done: i < 2, tokens: 3072 }));
    const figure = pareto(running, "perplexity");
    expect(traces(figure)[0]!.marker.symbol.slice(0, 3)).toEqual(["circle", "circle", "circle-open"]);
    expect(traces(figure)[0]!.marker.size.indexOf(13)).toBe(1);
    expect(layoutOf(figure).title.subtitle.text).toBe("6 of 8 settings running, 3\u2009072 tokens so far");
  });

  it("keeps a KL of exactly 0 on a logarithmic axis, on a floor that says 0", () => {
    const figure = pareto(samplePoints(), "kl");
    const { yaxis } = layoutOf(figure);
    expect(yaxis.type).toBe("log");
    expect(traces(figure)[0]!.y[0]).toBe(yaxis.tickvals![0]);
    expect(yaxis.ticktext![0]).toBe("0");
    expect(yaxis.tickvals![0]).toBeLessThan(0.00004);
    expect(traces(figure)[0]!.customdata[0]).toContain("KL 0 nats");
  });

  it("draws a line for each model, named by what differs", () => {
    const other = samplePoints().map((point) => ({
      ...point,
      provenance: sampleProvenance({ model: "dense", sha256: "9".repeat(64) }),
    }));
    const figure = pareto([...samplePoints(), ...other], "top1");
    expect(traces(figure).map(({ name }) => name)).toEqual(["tiny-world", "dense"]);
    expect(traces(figure)[0]!.y[0]).toBe(100);
  });

  it("tells the numbers of a point, with their uncertainty", () => {
    const [line] = traces(pareto(samplePoints(), "perplexity"));
    expect(line!.customdata[4]).toBe(
      "<b>t = 1.5</b><br>zeros in x₁ 98.4 % · in s 98.3 %<br>perplexity 1.7208 ± 0.020<br>8\u2009192 tokens",
    );
  });

  it("draws the empty frame a live figure starts from", () => {
    const figure = pareto([], "kl");
    expect(figure.data).toEqual([]);
    expect(layoutOf(figure).yaxis.title.text).toContain("nats");
    expect(layoutOf(figure).annotations[0]!.text).toBe("no points yet");
  });

  it("refuses what it does not know, and points without the measure", () => {
    expect(() => pareto([], "perplexty" as "perplexity")).toThrow(/Did you mean "perplexity"/);
    const { kl: _, ...without } = samplePoints()[3]!;
    expect(() => pareto([without as never], "kl")).toThrow(
      /result 0 \(t = 1\.25\) has no kl; it has sparsity, perplexity, top1.*measure: \["sparsity", "perplexity", "top1", "kl"\]/,
    );
    expect(() => pareto(samplePoints()[0] as never, "kl")).toThrow(/takes an array of points/);
  });
});
