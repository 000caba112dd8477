import { describe, expect, it } from "vitest";
import { sampleReport } from "./sample.js";
import { sparsityByLayer } from "./sparsity-by-layer.js";

type Trace = { readonly name: string; readonly x: number[]; readonly y: number[]; readonly customdata: string[] };
const traces = (figure: { data: readonly object[] }) => figure.data as readonly Trace[];

describe("plot.sparsityByLayer", () => {
  it("draws a line of layers for each report, named by what differs, with its mean", () => {
    const figure = sparsityByLayer(sampleReport(0.914, { policy: { kind: "fatrelu", t: 0 } }), sampleReport(0.984));
    expect(traces(figure).map(({ name }) => name)).toEqual(["t = 0: mean 91.4 %", "fatrelu_1.5: mean 98.4 %"]);
    expect(traces(figure)[0]!.x).toEqual([0, 1, 2, 3, 4, 5]);
    expect(traces(figure)[0]!.y[0]).toBeCloseTo(82.8, 3);
    expect(traces(figure)[0]!.customdata[0]).toContain("zeros in x₁ 82.8 %");
  });

  it("names a model by what its gates compute, plain ReLU as relu", () => {
    const relu = { activation: "relu" } as const;
    const names = (...reports: ReturnType<typeof sampleReport>[]) => traces(sparsityByLayer(...reports)).map(({ name }) => name);
    const t = { policy: { kind: "fatrelu", t: 1 } } as const;
    expect(names(sampleReport(0.5, relu), sampleReport(0.6, { ...relu, ...t }))).toEqual([
      "relu: mean 50.0 %",
      "t = 1: mean 60.0 %",
    ]);
    expect(names(sampleReport(0.5, relu), sampleReport(0.6))).toEqual(["relu: mean 50.0 %", "fatrelu_1.5: mean 60.0 %"]);
    expect(names(sampleReport(0.5, { ...relu, ...t }), sampleReport(0.6, t))).toEqual([
      "relu, t = 1: mean 50.0 %",
      "fatrelu_1.5, t = 1: mean 60.0 %",
    ]);
  });

  it("says where the numbers come from", () => {
    const { annotations } = sparsityByLayer(sampleReport(0.9)).layout as { annotations: { text: string }[] };
    expect(annotations.at(-1)!.text).toBe(
      "tiny-world · Q8_0, F32 · fatrelu_1.5 · exact, float, kv f32 · cpu, 2 threads<br>" +
        "held.txt: 8\u2009192 tokens · windows of 512 that begin with BOS · sparselab 0.1.0 · 2026-11-24",
    );
  });

  it("numbers reports that do not differ, and draws a frame without any", () => {
    expect(traces(sparsityByLayer(sampleReport(0.9), sampleReport(0.9))).map(({ name }) => name)).toEqual([
      "result (1): mean 90.0 %",
      "result (2): mean 90.0 %",
    ]);
    expect(sparsityByLayer().data).toEqual([]);
  });

  it("refuses an array of reports and reports without sparsity", () => {
    expect(() => sparsityByLayer([sampleReport(0.9)] as never)).toThrow(/\.\.\.reports/);
    expect(() => sparsityByLayer({ tokens: 1, perplexity: {} } as never)).toThrow(/has no sparsity; it has perplexity/);
  });
});
