/** `arithmetic: "int8"` as a notebook sees it; the numbers themselves are tested in native/cpu/int8.test.cpp and native/executor/int8.test.cpp. */
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { folder, writeSmallLlama } from "../../test/support/small-llama.js";
import { loadQuietly } from "../model/load.js";
import type { Model } from "../model/model.js";
import { tinyWorld } from "../package.js";
import { corpus } from "./corpus.js";
import { measure } from "./measure.js";

let dir: Awaited<ReturnType<typeof folder>>;
let [float, int8]: Model[] = [];
let said = "";
beforeAll(async () => {
  dir = await folder();
  float = (await loadQuietly(tinyWorld)).model;
  ({ model: int8, summary: said } = await loadQuietly(tinyWorld, { arithmetic: "int8" }));
});
afterAll(async () => {
  await dir.remove();
  float!.dispose();
  int8!.dispose();
});

describe("arithmetic int8", () => {
  it("is said by load, shown by the model, and in every report", async () => {
    expect(said).toMatch(/; arithmetic int8, with ffn_down computed in full$/);
    expect(inspect(int8)).toMatch(/layout mmap, arithmetic int8/);
    const on = corpus.text("Milo went to the garden and found a small red ball. ".repeat(40));
    const reports = [];
    for (const model of [float!, int8!]) reports.push(await measure(model, on, { measure: ["perplexity"], window: 64 }));
    expect(reports.map(({ provenance }) => provenance.arithmetic)).toEqual(["float", "int8"]);
    const [a, b] = reports.map(({ perplexity }) => perplexity.value);
    expect(b).not.toBe(a);
    expect(Math.abs(b! / a! - 1)).toBeLessThan(0.02);
  });

  it("is near float, the same in every strategy, and kept by `with`", async () => {
    const prompt = "Milo went to the";
    const [a, b] = [await float!.run(prompt), await int8!.run(prompt)];
    const norm = (values: Float32Array) => Math.hypot(...values);
    const difference = norm(a.logits.data.map((value, i) => value - b.logits.data[i]!)) / norm(a.logits.data);
    expect(difference).toBeGreaterThan(0);
    expect(difference).toBeLessThan(0.05);
    const dense = int8!.with({ strategy: "dense" });
    const exact = dense.with({ strategy: "exact" });
    for (const view of [dense, exact]) {
      expect((await view.run(prompt)).logits.data).toEqual(b.logits.data);
      view.dispose();
    }
  });

  it("compares with float as with another model", async () => {
    const on = corpus.text("Milo went to the garden and found a small red ball. ".repeat(40));
    const report = await measure(int8!, on, { measure: ["kl", "top1"], reference: float!, window: 64 });
    expect(report.kl.mean).toBeGreaterThan(0);
    expect(report.kl.mean).toBeLessThan(0.05);
    expect(report.top1.agreement).toBeGreaterThan(0.9);
  });

  it("is refused where it would change nothing, and where it is misspelt", async () => {
    const path = writeSmallLlama(dir.path);
    await expect(loadQuietly(path, { arithmetic: "int8" })).rejects.toThrow(
      /all of this file's are .*which stay float: leave the option out/,
    );
    await expect(loadQuietly(tinyWorld, { arithmetic: "int4" as "int8" })).rejects.toThrow(
      /unknown arithmetic "int4"\. Did you mean "int8"/,
    );
  });
});
