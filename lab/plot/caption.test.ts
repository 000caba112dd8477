import { describe, expect, it } from "vitest";
import { caption } from "./caption.js";
import { samplePoints, sampleProvenance, sampleReport } from "./sample.js";

describe("a figure's caption", () => {
  it("says model, weights, activation, way of computing, corpus, tokens, window, version and day", () => {
    expect(caption([sampleReport(0.9, { policy: { kind: "fatrelu", t: 0.5 }, interventions: 1 })])).toEqual([
      "tiny-world · Q8_0, F32 · fatrelu_1.5, t = 0.5 · 1 intervention · exact, float, kv f32 · cpu, 2 threads",
      "held.txt: 8\u2009192 tokens · windows of 512 that begin with BOS · sparselab 0.1.0 · 2026-11-24",
    ]);
  });

  it("gives the range of a sweep's thresholds", () => {
    expect(caption(samplePoints())[0]).toContain("· t = 0 to 3 ·");
  });

  it("counts what differs instead of choosing one", () => {
    const [model, measured] = caption([
      { tokens: 512, provenance: sampleProvenance() },
      { tokens: 1024, provenance: sampleProvenance({ model: "dense", activation: "silu", corpus: "wiki.txt", bos: false }) },
    ]);
    expect(model).toMatch(/^2 models · Q8_0, F32 · 2 activations · /);
    expect(measured).toMatch(/^2 corpora: 512 to 1\u2009024 tokens · 2 kinds of window · /);
  });

  it("is empty without results", () => {
    expect(caption([])).toEqual([]);
  });
});
