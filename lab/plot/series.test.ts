import { describe, expect, it } from "vitest";
import { samplePoints, sampleProvenance } from "./sample.js";
import { seriesOf, withNames } from "./series.js";

describe("points sorted into lines", () => {
  it("keeps one model's sweep on one nameless line, the densest point first", () => {
    const [line, ...others] = seriesOf(samplePoints().toReversed());
    expect(others).toEqual([]);
    expect(line!.name).toBe("");
    expect(line!.points[0]!.setting).toEqual({ kind: "fatrelu", t: 0 });
  });

  it("never joins two models, two corpora, or a touched model with an untouched", () => {
    const [point] = samplePoints();
    const variants = [{}, { model: "other", sha256: "f".repeat(64) }, { corpus: "wiki.txt" }, { interventions: 2 }];
    const lines = seriesOf(variants.map((change) => ({ ...point!, provenance: sampleProvenance(change) })));
    expect(lines.map(({ name }) => name)).toEqual([
      "tiny-world, held.txt, untouched",
      "other, held.txt, untouched",
      "tiny-world, wiki.txt, untouched",
      "tiny-world, held.txt, 2 interventions",
    ]);
  });

  it("tells files of one name apart by their hash, and numbers what does not differ at all", () => {
    const [point] = samplePoints();
    const files = ["aaaaaaaaaaaa", "bbbbbbbbbbbb"].map((sha256) => ({ ...point!, provenance: sampleProvenance({ sha256 }) }));
    expect(seriesOf(files).map(({ name }) => name)).toEqual(["aaaaaaaa", "bbbbbbbb"]);
    expect(withNames(["x", "x"], () => ["same", "hash"]).map(({ name }) => name)).toEqual(["result (1)", "result (2)"]);
  });
});
