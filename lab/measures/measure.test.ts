import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { logSumExp } from "../../test/support/log-sum-exp.js";
import { folder, writeSmallLlama } from "../../test/support/small-llama.js";
import { displaySymbol } from "../display.js";
import { ablate } from "../model/interventions.js";
import { loadQuietly } from "../model/load.js";
import type { Model } from "../model/model.js";
import { native as addon } from "../native.js";
import { tinyWorld } from "../package.js";
import { corpus } from "./corpus.js";
import { measure } from "./measure.js";

const held = join(dirname(tinyWorld), "held.txt");
const window = 96;
const on = corpus(held, { maxTokens: 4 * window + 50 });
let model: Model;
let sparse: Model;
let dir: Awaited<ReturnType<typeof folder>>;
beforeAll(async () => {
  ({ model } = await loadQuietly(tinyWorld));
  sparse = model.with({ policy: { kind: "fatrelu", t: 2.5 } });
  dir = await folder();
});
afterAll(async () => {
  for (const view of [model, sparse]) view.dispose();
  await dir.remove();
});

/** The windows as they are defined, from the text. */
function windows(): number[][] {
  const tokens = model.tokenizer.encode(readFileSync(held, "utf8"), { special: false });
  return [0, 1, 2, 3].map((w) => [model.tokenizer.bos!, ...tokens.slice(w * window + 1, (w + 1) * window)]);
}
/** Rows of a window whose next token is scored. */
const rows = Array.from({ length: window / 2 - 1 }, (_, i) => window / 2 + i);

describe("measure", () => {
  it("sparsity: the mean over layers of the mean over all tokens of the share of zeros in x₁", async () => {
    const report = await measure(model, on, { measure: ["sparsity"], window });
    const [byLayer, inGate] = [new Array<number>(model.layers).fill(0), [0]];
    for (const tokens of windows()) {
      const { cache } = await model.run(tokens, { capture: ["blocks.*.ffn.mid", "blocks.*.ffn.gate"], logits: "none" });
      for (let l = 0; l < model.layers; l++) {
        byLayer[l]! +=
          cache
            .get("blocks.*.ffn.mid")
            .at({ layer: l })
            .data.filter((x) => x === 0).length /
          (4 * window * model.neurons);
      }
      inGate[0]! +=
        cache.get("blocks.*.ffn.gate").data.filter((x) => x === 0).length / (4 * window * model.neurons * model.layers);
    }
    byLayer.forEach((share, l) => {
      expect(report.sparsity.byLayer[l]).toBeCloseTo(share, 6);
    });
    expect(report.sparsity.mean).toBeCloseTo(byLayer.reduce((a, b) => a + b, 0) / model.layers, 9);
    expect(report.sparsity.zerosInGate).toBeCloseTo(inGate[0]!, 9);
    expect(report.sparsity.rowsSkipped).toBeCloseTo(report.sparsity.zerosInGate, 9);
    expect(report.tokens).toBe(4 * window);
    const dense = model.with({ strategy: "dense" });
    const plain = await measure(dense, on, { measure: ["sparsity"], window });
    expect(plain.sparsity).toMatchObject({ mean: report.sparsity.mean, rowsSkipped: 0 });
    dense.dispose();
  });

  it("perplexity: exp of the mean -ln p of the second half of each window", async () => {
    const { perplexity } = await measure(model, on, { measure: ["perplexity"], window });
    let [nll, bytes] = [0, 0];
    for (const tokens of windows()) {
      const { logprobs } = await model.run(tokens);
      for (const row of rows) nll -= logprobs[row + 1]!;
      bytes += Buffer.byteLength(
        tokens
          .slice(window / 2 + 1)
          .map((token) => model.tokenizer.pieces([token])[0]!)
          .join(""),
      );
    }
    expect(perplexity.value).toBeCloseTo(Math.exp(nll / (4 * rows.length)), 4);
    expect(perplexity.bitsPerByte).toBeCloseTo(nll / (bytes * Math.LN2), 5);
  });

  it("kl and top1: against the reference's own distribution, token by token", async () => {
    const report = await measure(sparse, on, { measure: ["kl", "top1"], reference: model, window });
    const [values, agree] = [[] as number[], [] as number[]];
    for (const tokens of windows()) {
      const [p, q] = [(await model.run(tokens)).logits, (await sparse.run(tokens)).logits];
      for (const token of rows) {
        const [a, b] = [p.at({ token }).data, q.at({ token }).data];
        const [za, zb] = [logSumExp(a), logSumExp(b)];
        values.push(a.reduce((sum, x, v) => sum + Math.exp(x - za) * (x - za - (b[v]! - zb)), 0));
        agree.push(Number(p.at({ token }).argmax("vocab").data[0] === q.at({ token }).argmax("vocab").data[0]));
      }
    }
    values.sort((x, y) => x - y);
    expect(report.kl.mean).toBeCloseTo(values.reduce((x, y) => x + y, 0) / values.length, 6);
    expect(report.kl.max).toBeCloseTo(values.at(-1)!, 5);
    expect(report.kl.median).toBeCloseTo((values[93]! + values[94]!) / 2, 6);
    expect(report.top1.agreement).toBeCloseTo(agree.reduce((x, y) => x + y, 0) / agree.length, 9);
    expect(report.kl.mean).toBeGreaterThan(0);
  });

  it("compares with a view of the same file, loaded again or touched, and gives 0 against itself", async () => {
    const { model: again } = await loadQuietly(tinyWorld);
    const self = await measure(model, on, { measure: ["kl", "top1"], reference: again, window });
    expect([self.kl.max, self.top1.agreement]).toEqual([0, 1]);
    const off = model.with({ interventions: [ablate("blocks.5.ffn.mid")] });
    const harm = await measure(off, on, { measure: ["kl"], reference: model, window });
    const back = await measure(model, on, { measure: ["kl"], reference: off, window });
    expect(harm.kl.mean).toBeGreaterThan(0.01);
    expect(back.kl.mean).not.toBeCloseTo(harm.kl.mean, 3);
    expect(harm.provenance).toMatchObject({ interventions: 1, reference: expect.stringContaining("as-trained") });
    for (const view of [again, off]) view.dispose();
  });

  it("compares with a model of other weights and the same vocabulary", async () => {
    const [{ model: one }, { model: two }] = [
      await loadQuietly(writeSmallLlama(dir.path, { file: "one.gguf", seed: 1 }), { activation: "relu" }),
      await loadQuietly(writeSmallLlama(dir.path, { file: "two.gguf", seed: 2 })),
    ];
    const path = join(dir.path, "letters.txt");
    writeFileSync(path, "a bad cab, a faded deed. ".repeat(6));
    const report = await measure(one, corpus(path), { measure: ["kl", "top1", "perplexity"], reference: two, window: 40 });
    const [kl, agree] = [[] as number[], [] as number[]];
    const tokens = one.tokenizer.encode(readFileSync(path, "utf8"), { special: false });
    for (let at = 0; at + 40 <= tokens.length; at += 40) {
      const cut = [one.tokenizer.bos!, ...tokens.slice(at + 1, at + 40)];
      const [p, q] = [(await two.run(cut)).logits, (await one.run(cut)).logits];
      for (let token = 20; token < 39; token++) {
        const [a, b] = [p.at({ token }), q.at({ token })];
        const [za, zb] = [logSumExp(a.data), logSumExp(b.data)];
        kl.push(a.data.reduce((sum, x, v) => sum + Math.exp(x - za) * (x - za - (b.data[v]! - zb)), 0));
        agree.push(Number(a.argmax("vocab").data[0] === b.argmax("vocab").data[0]));
      }
    }
    expect(kl.length).toBeGreaterThan(19);
    expect(report.kl.mean).toBeCloseTo(kl.reduce((x, y) => x + y, 0) / kl.length, 9);
    expect(report.kl.max).toBeCloseTo(Math.max(...kl), 9);
    expect(report.top1.agreement).toBeCloseTo(agree.reduce((x, y) => x + y, 0) / agree.length, 9);
    expect(report.provenance.reference).toMatch(/sha256 [0-9a-f]{16}…\), activation silu/);
    // In a batch and from two programs it is the same sum, bit for bit.
    const relu = one.with({ policy: { kind: "fatrelu", t: 0.5 } });
    const { model: again } = await loadQuietly(writeSmallLlama(dir.path, { file: "again.gguf", seed: 1, name: "renamed" }), {
      activation: "relu",
    });
    const [native, own] = [
      await measure(relu, corpus(path), { measure: ["kl"], reference: one, window: 40 }),
      await measure(relu, corpus(path), { measure: ["kl"], reference: again, window: 40 }),
    ];
    expect(own.kl.mean).toBeGreaterThan(0);
    expect(own.kl).toEqual(native.kl);
    for (const view of [one, two, relu, again]) view.dispose();
  });

  it("compiles one program for all windows of a walk, and one for a reference of other weights", async () => {
    const { model: other } = await loadQuietly(writeSmallLlama(dir.path, { file: "other.gguf", seed: 2 }));
    const { model: one } = await loadQuietly(writeSmallLlama(dir.path, { file: "walked.gguf", seed: 1 }));
    const path = join(dir.path, "walk.txt");
    writeFileSync(path, "a bad cab, a faded deed. ".repeat(6));
    const compile = vi.spyOn(addon(), "compile");
    await measure(one, corpus(path), { measure: ["perplexity"], window: 40 });
    expect(compile).toHaveBeenCalledTimes(1);
    await measure(one, corpus(path), { measure: ["kl"], reference: other, window: 40 });
    expect(compile).toHaveBeenCalledTimes(3);
    compile.mockRestore();
    for (const view of [one, other]) view.dispose();
  });

  it("says where a number comes from, and shows itself", async () => {
    const shares: number[] = [];
    const report = await measure(sparse, on, { measure: ["sparsity"], window, onProgress: (share) => shares.push(share) });
    const digest = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");
    expect(report.provenance).toMatchObject({
      sha256: digest(tinyWorld),
      corpusSha256: digest(held),
      weights: "Q8_0, F32",
      policy: { kind: "fatrelu", t: 2.5 },
      strategy: "exact",
      reference: null,
      window,
      bos: true,
      tokens: 4 * window,
      device: "cpu",
      corpus: "held.txt",
    });
    expect(shares.at(-1)).toBe(1);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    const text = String((report as unknown as { [displaySymbol](): Record<string, string> })[displaySymbol]()["text/plain"]);
    expect(text).toMatch(/zeros in x₁ 9\d\.\d\d %.*policy t = 2\.5.*384 tokens of held\.txt in windows of 96/);
    expect(JSON.parse(JSON.stringify(report))).toHaveProperty("sparsity.mean");
  });

  it("refuses what it cannot do, with numbers and the nearest name", async () => {
    const run = (options: object, text = on) => measure(model, text, options as never);
    await expect(run({ measure: ["sparsty"] })).rejects.toThrow(/Did you mean "sparsity"/);
    await expect(run({ measure: [] })).rejects.toThrow(/at least one of/);
    // The known names, where none is near.
    await expect(run({ measure: ["ppl"] })).rejects.toThrow(/unknown measure "ppl"\..*Known: sparsity, perplexity, kl, top1/);
    await expect(run({ measure: ["histogram"] })).rejects.toThrow(/not available yet/);
    await expect(run({ measure: ["kl"] })).rejects.toThrow(/give \{ reference: model \}/);
    await expect(run({ measure: ["kl"], refrence: model })).rejects.toThrow(/Did you mean "reference"/);
    await expect(run({ measure: ["sparsity"], window: 513 })).rejects.toThrow(/window must be a whole number >= 4 and <= 512/);
    await expect(run({ measure: ["sparsity"] }, corpus(held, { maxTokens: 100 }))).rejects.toThrow(
      /has 100 tokens.*a window needs 512/,
    );
    await expect(run({ measure: ["sparsity"] }, corpus("nowhere.txt"))).rejects.toMatchObject({ code: "bad-file" });
    const latin = join(dir.path, "latin1.txt");
    writeFileSync(latin, Buffer.from([0x66, 0xfc, 0x72]));
    await expect(run({ measure: ["sparsity"] }, corpus(latin))).rejects.toThrow(/not UTF-8/);
    const { model: other } = await loadQuietly(writeSmallLlama(dir.path));
    await expect(run({ measure: ["kl"], reference: other, window: 64 })).rejects.toThrow(/another vocabulary/);
    other.dispose();
  });

  it("stops in the middle of a text", async () => {
    const stop = new AbortController();
    const fractions: number[] = [];
    const onProgress = (fraction: number): void => {
      fractions.push(fraction);
      stop.abort();
    };
    const running = measure(model, corpus(held), { measure: ["perplexity"], signal: stop.signal, onProgress });
    await expect(running).rejects.toMatchObject({ code: "aborted" });
    expect(fractions).toEqual([expect.any(Number)]);
    expect(fractions[0]).toBeLessThan(0.5);
  });
});
