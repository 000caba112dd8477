/**
 * The golden models through the public API: `load` must find each file's activation, `run` must give transformers' logits, and every hook point the
 * values of a PyTorch forward hook there. (`npm run parity` prints the whole table.)
 */
import { afterAll, describe, expect, it } from "vitest";
import { loadQuietly } from "../../lab/model/load.js";
import { callNativeSync } from "../../lab/native.js";
import { type GoldenModel, goldenFile, goldenModels, goldenValues, relativeError, rowErrors } from "../support/golden.js";
import { forward, nearT, openModel } from "./forward.js";

const models = goldenModels();
const byName = (name: string): GoldenModel => models.find((model) => model.name === name)!;
const open: Disposable[] = [];
afterAll(() => {
  for (const model of open) model[Symbol.dispose]();
});
async function load(golden: GoldenModel) {
  const { model } = await loadQuietly(goldenFile(golden), { threads: 2 });
  open.push(model);
  return model;
}

describe("run", () => {
  it.each(models)("$name gives transformers' logits", async (golden) => {
    const model = await load(golden);
    expect(model.activation.name.split("_")[0]).toBe(golden.activation);
    if (golden.t !== null) expect([model.activation.t].flat().map(Math.fround)).toEqual([golden.t].flat().map(Math.fround));
    expect(model.activation.from).toBe(golden.magic === "PWRI" || golden.name === "silu-f16-mha-tied" ? "architecture" : "file");
    expect(model.predictors.map((predictor) => predictor.rank)).toEqual(golden.ranks);
    const run = await model.run(golden.tokens);
    expect(Math.max(...rowErrors(run.logits.data, goldenValues(golden), golden.vocab))).toBeLessThan(1e-4);
    expect(run.sparsity.data.reduce((a, b) => a + b) / run.sparsity.data.length).toBeCloseTo(golden.zerosInMid, 6);
  });
});

describe("captures", () => {
  const golden = byName("fatrelu-layers-mixed");
  it.each(Object.entries(golden.captures))("%s is what PyTorch's hook saw", async (point, shape) => {
    const model = await load(golden);
    const name = shape.length === 3 ? (`blocks.*.${point}` as "blocks.*.ffn.gate") : (point as "embed");
    const run = await model.run(golden.tokens, { capture: name, logits: "none" });
    const captured = run.cache.get(name);
    expect(Object.values(captured.size)).toEqual(shape);
    expect(relativeError(captured.data, goldenValues(golden, point))).toBeLessThan(1e-5);
  });
});

describe("the comparison itself", () => {
  it("detects another activation and another t", async () => {
    const golden = byName("fatrelu-q8_0");
    const native = await openModel(goldenFile(golden));
    for (const wrong of [{ activation: "relu" as const }, { activation: "silu" as const }, { t: 0.05 }]) {
      const { logits } = await forward(native, { ...golden, ...wrong }, "dense", "decode");
      expect(Math.max(...rowErrors(logits, goldenValues(golden), golden.vocab))).toBeGreaterThan(1e-4);
    }
    callNativeSync((addon) => addon.closeModel(native));
  });
  it("detects values that are not finite", () => {
    expect(relativeError(Float32Array.of(Number.NaN, 1), Float32Array.of(1, 1))).toBeNaN();
    expect(relativeError(Float32Array.of(Number.POSITIVE_INFINITY), Float32Array.of(1))).toBeNaN();
  });
  it("leaves out a token with a gate at t, and those that attend to it", () => {
    const model = { ...byName("fatrelu-q8_0"), layers: 2, neurons: 3, tokens: [1, 2, 3, 4], t: 0.5 };
    const gatePre = new Float32Array(2 * 4 * 3).fill(0.1);
    expect(nearT(model, gatePre, 1e-5)).toEqual([false, false, false, false]);
    gatePre[(1 * 4 + 2) * 3 + 1] = 0.500001;
    expect(nearT(model, gatePre, 1e-5)).toEqual([false, false, true, true]);
    expect(nearT({ ...model, activation: "relu" }, gatePre, 1e-5)).toEqual([false, false, false, false]);
  });
});
