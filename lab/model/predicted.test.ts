/**
 * Strategy `predicted` as a notebook sees it: where the cutoff comes from, what is refused, and recall and predicted sparsity in every report,
 * against plain counts over captures.
 */
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { folder, writeSmallLlama } from "../../test/support/small-llama.js";
import { corpus } from "../measures/corpus.js";
import { measure } from "../measures/measure.js";
import { tinyWorld } from "../package.js";
import { fatrelu } from "../policy/policy.js";
import { sweep } from "../sweep/sweep.js";
import { loadQuietly } from "./load.js";
import type { Model } from "./model.js";

const text = "Mirra woke up early on Saturday. She took four beans to the market in Ravenford.";
const window = 64;
const on = corpus(join(dirname(tinyWorld), "held.txt"), { maxTokens: 3 * window });
let dir: Awaited<ReturnType<typeof folder>>;
let exact: Model;
let model: Model;
beforeAll(async () => {
  dir = await folder();
  ({ model: exact } = await loadQuietly(tinyWorld));
  model = exact.with({ strategy: "predicted", cutoff: 0 });
});
afterAll(async () => {
  for (const view of [exact, model]) view.dispose();
  await dir.remove();
});

/** (L) sums over tokens by the definition: a predictor's scores of the residual stream, in float64. */
async function counts(view: Model, prompt: string | readonly number[], cutoff: number) {
  const t = 1; // of the bundled file
  const { cache, tokens } = await view.run(prompt, { capture: ["blocks.*.resid_mid", "blocks.*.ffn.gate_pre"] });
  const out = [];
  for (let layer = 0; layer < view.layers; layer++) {
    const fc1 = await view.weight(`blk.${layer}.fc1.weight`);
    const fc2 = await view.weight(`blk.${layer}.fc2.weight`);
    const rank = fc1.size.row;
    const row = { predicted: 0, active: 0, found: 0 };
    for (let token = 0; token < tokens.length; token++) {
      const x = cache.get("blocks.*.resid_mid").at({ layer, token }).data;
      const gate = cache.get("blocks.*.ffn.gate_pre").at({ layer, token }).data;
      const dot = (w: Float32Array, from: number, by: ArrayLike<number>) => {
        let sum = 0;
        for (let i = 0; i < by.length; i++) sum += w[from + i]! * by[i]!;
        return sum;
      };
      const hidden = Array.from({ length: rank }, (_, k) => Math.max(0, dot(fc1.data, k * view.hidden, x)));
      for (let i = 0; i < view.neurons; i++) {
        const said = dot(fc2.data, i * rank, hidden) >= cutoff;
        const active = gate[i]! >= t;
        row.predicted += Number(said);
        row.active += Number(active);
        row.found += Number(said && active);
      }
    }
    out.push({ recall: row.found / row.active, skipped: 1 - row.predicted / (tokens.length * view.neurons), ...row });
  }
  return out;
}

describe("strategy predicted", () => {
  it("run reports recall and predicted sparsity of every layer and token", async () => {
    const expected = await counts(model, text, 0);
    const run = await model.run(text);
    expected.forEach(({ skipped }, layer) => {
      expect(run.predictedSparsity!.at({ layer }).mean("token").data[0]).toBeCloseTo(skipped, 3);
    });
    const one = await counts(model, model.tokenizer.encode(text).slice(0, 1), 0);
    one.forEach(({ recall, active }, layer) => {
      expect(run.recall!.at({ layer, token: 0 }).data[0]).toBeCloseTo(active === 0 ? 1 : recall, 5);
    });
    const plain = await exact.run(text);
    expect([plain.recall, plain.predictedSparsity]).toEqual([undefined, undefined]);
  });

  it("runBatch reports what run does", async () => {
    const prompts = [text, "Milo", `${text} ${text}`];
    const runs = await model.runBatch(prompts, { logits: "last" });
    for (const [i, prompt] of prompts.entries()) {
      const alone = await model.run(prompt, { logits: "last" });
      expect(runs[i]!.predictedSparsity!.data).toEqual(alone.predictedSparsity!.data);
      expect(runs[i]!.recall!.data).toEqual(alone.recall!.data);
      expect(runs[i]!.logits.data).toEqual(alone.logits.data);
    }
  });

  it("measure has them whatever is measured, and as the measure predictor", async () => {
    const report = await measure(model, on, { measure: ["perplexity"], window, quiet: true });
    expect(report.provenance).toMatchObject({ strategy: "predicted", cutoff: 0 });
    const asked = await measure(model, on, { measure: ["predictor"], window, quiet: true });
    expect(report.predictor!.recall.data).toEqual(asked.predictor.recall.data);
    const ids = model.tokenizer.encode((await import("node:fs")).readFileSync(join(dirname(tinyWorld), "held.txt"), "utf8"));
    const sums = Array.from({ length: model.layers }, () => ({ predicted: 0, active: 0, found: 0 }));
    for (let w = 0; w < 3; w++) {
      const tokens = [model.tokenizer.bos!, ...ids.slice(w * window + 1, (w + 1) * window)];
      for (const [l, one] of (await counts(model, tokens, 0)).entries()) {
        for (const key of ["predicted", "active", "found"] as const) sums[l]![key] += one[key];
      }
    }
    sums.forEach(({ predicted, active, found }, layer) => {
      expect(asked.predictor.recall.at({ layer, cutoff: 0 }).data[0]).toBeCloseTo(found / active, 3);
      expect(asked.predictor.predictedSparsity.at({ layer, cutoff: 0 }).data[0]).toBeCloseTo(
        1 - predicted / (3 * window * model.neurons),
        3,
      );
    });
    expect([...asked.predictor.cutoffs]).toEqual([0]);
    expect((await measure(exact, on, { measure: ["sparsity"], window, quiet: true })).predictor).toBeUndefined();
    await expect(measure(exact, on, { measure: ["predictor"], window })).rejects.toThrow(/with\(\{ strategy: "predicted" \}\)/);
  });

  it("kl between two cutoffs is not 0, and of every neuron predicted it is", async () => {
    const high = model.with({ cutoff: 2 });
    const { kl } = await measure(high, on, { measure: ["kl"], reference: model, window, quiet: true });
    expect(kl.mean).toBeGreaterThan(1e-4);
    const all = model.with({ cutoff: Number.NEGATIVE_INFINITY });
    const same = await measure(all, on, { measure: ["kl"], reference: exact, window, quiet: true });
    expect(same.kl).toMatchObject({ mean: 0, max: 0 });
    expect((await all.run(text)).logits.data).toEqual((await exact.run(text)).logits.data);
  });

  it("a sweep has them at every point, equal to measure", async () => {
    const points = await sweep(model, { over: fatrelu(0, 1), on, measure: ["perplexity"], window, quiet: true });
    for (const { setting, predictor, perplexity } of points) {
      const alone = await measure(model.with({ policy: setting }), on, { measure: ["perplexity"], window, quiet: true });
      expect(predictor!.recall.data).toEqual(alone.predictor!.recall.data);
      expect(perplexity.value).toBe(alone.perplexity.value);
    }
    expect(points[0]!.predictor!.recall.data[0]).toBeLessThan(points[1]!.predictor!.recall.data[0]!);
  });

  it("generate has predicted sparsity at every step, and recall when asked, with the same tokens", async () => {
    const steps = async (recall: boolean) => {
      const out = [];
      for await (const step of model.generate(text, { maxTokens: 4, recall })) out.push(step);
      return out;
    };
    const [fast, counted] = [await steps(false), await steps(true)];
    expect(fast.map(({ token }) => token)).toEqual(counted.map(({ token }) => token));
    expect(fast.map(({ predictedSparsity }) => predictedSparsity)).toEqual(
      counted.map(({ predictedSparsity }) => predictedSparsity),
    );
    expect(fast.every(({ recall }) => recall === undefined)).toBe(true);
    for (const { recall } of counted) expect(recall!.every((share) => share > 0 && share <= 1)).toBe(true);
    expect(() => exact.generate(text, { recall: true })).toThrow(/misses nothing/);
  });

  it("takes the cutoff from the option, the file's key, PowerInfer's key, else 0", async () => {
    const of = async (keys: object, options = {}) => {
      const path = writeSmallLlama(dir.path, { magic: "PWRI", keys: keys as never });
      const { model: small, summary } = await loadQuietly(path, { strategy: "predicted", ...options });
      const { cutoff } = small;
      small.dispose();
      return [cutoff, /cutoff (.*)\)/.exec(summary)![1]];
    };
    const powerinfer = { "powerinfer.sparse_threshold": { type: "f32", value: 0.5 } };
    const ours = { "sparselab.predictor_cutoff": { type: "f32", value: 0.25 } };
    expect(await of({})).toEqual([0, "0 (from the default"]);
    expect(await of(powerinfer)).toEqual([0.5, "0.5 (from the file's key powerinfer.sparse_threshold"]);
    expect(await of({ ...powerinfer, ...ours })).toEqual([0.25, "0.25 (from the file's key sparselab.predictor_cutoff"]);
    expect(await of({ ...powerinfer, ...ours }, { cutoff: [1, -1] })).toEqual([[1, -1], "-1 to 1 by layer (from your option"]);
    expect((await of({}, { cutoff: { probability: 0.5 } }))[0]).toBe(0);
    expect((await of({}, { cutoff: { probability: 0.25 } }))[0]).toBeCloseTo(-Math.log(3), 12);
    expect(model.with({ strategy: "exact" }).cutoff).toBeNull();
    expect(exact.with({ strategy: "predicted" }).cutoff).toEqual([-1, -1, -1, -1, -1, -1]);
  });

  it("refuses what cannot be, with a way out", async () => {
    const plain = writeSmallLlama(dir.path, { file: "plain.gguf" });
    await expect(loadQuietly(plain, { strategy: "predicted" })).rejects.toThrow(/this file has none; use "exact"/);
    expect(() => model.with({ cutoff: Number.NaN })).toThrow(/cutoff must be a number/);
    expect(() => model.with({ cutoff: { probability: 2 } })).toThrow(/from 0 to 1/);
    expect(() => model.with({ cutoff: { probabilty: 0.5 } as never })).toThrow(/Did you mean "probability"/);
    expect(() => model.with({ cutoff: [1, 2] })).toThrow(/2 values for a model of 6/);
    const before = model.with({ interventions: [{ at: "blocks.0.ffn.gate_pre", do: "scale", by: 2 }] });
    await expect(before.run(text)).rejects.toThrow(/intervene at ffn.gate, or use strategy "exact"/);
  });
});
