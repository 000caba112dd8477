import { describe, expect, it } from "vitest";
import { tensor } from "../tensor.js";
import { tokenLayer } from "./token-layer.js";

const run = {
  pieces: ["<s>", "▁Mirra", "\n"],
  sparsity: tensor(Float32Array.from([0.8, 0.9, 1, 0.85, 0.95, 0.99]), ["layer", "token"], [2, 3]),
};
type Heat = { readonly z: number[][]; readonly zmin: number; readonly customdata: string[][] };

describe("plot.tokenLayer", () => {
  it("colours layers (rows) by tokens (columns), in percent", () => {
    const [heat] = tokenLayer(run).data as readonly Heat[];
    expect(heat!.z).toEqual([
      [80, 90, 100],
      [85, 95, 99],
    ]);
    expect(heat!.zmin).toBeLessThanOrEqual(80);
    expect(heat!.customdata[1]).toEqual(["<b>&lt;s&gt;</b> · token 0", "<b>▁Mirra</b> · token 1", "<b>↵</b> · token 2"]);
  });

  it("shows each piece as text, never as a tag", () => {
    const { xaxis } = tokenLayer(run).layout as { xaxis: { ticktext: string[] } };
    expect(xaxis.ticktext).toEqual(["&lt;s&gt;", "▁Mirra", "↵"]);
  });

  it("thins the ticks of a long text", () => {
    const long = {
      pieces: Array.from({ length: 300 }, () => "a"),
      sparsity: tensor(new Float32Array(300), ["layer", "token"], [1, 300]),
    };
    const { xaxis } = tokenLayer(long).layout as { xaxis: { tickvals: number[] } };
    expect(xaxis.tickvals.length).toBeLessThanOrEqual(64);
    expect((tokenLayer(long).data as readonly Heat[])[0]!.zmin).toBe(0);
  });

  it("refuses pieces of another run, and a tensor of other axes", () => {
    expect(() => tokenLayer({ ...run, pieces: ["a"] })).toThrow(/1 pieces but sparsity of 3 tokens/);
    const turned = tensor(new Float32Array(6), ["token", "layer"], [3, 2]);
    expect(() => tokenLayer({ pieces: run.pieces, sparsity: turned as never })).toThrow(/received sparsity \(token, layer\)/);
  });
});
