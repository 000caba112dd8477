import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { folder, small, writeSmallLlama } from "../../test/support/small-llama.js";
import { displaySymbol } from "../display.js";
import { tinyWorld } from "../package.js";
import { load, loadQuietly } from "./load.js";

let dir: Awaited<ReturnType<typeof folder>>;
beforeAll(async () => {
  dir = await folder();
});
afterAll(() => dir.remove());

describe("load", () => {
  it("prints one line: name, activation and its origin, strategy; the model's table says the rest", async () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    const progress: number[] = [];
    using model = await load(tinyWorld, { threads: 1, onProgress: (share) => progress.push(share) });
    const printed = log.mock.calls.flat().join("\n");
    log.mockRestore();
    expect(printed).toMatch(
      /^sparselab tiny world: activation fatrelu_[\d.]+ \(from the file's key llama\.hidden_activation\), strategy exact$/,
    );
    const table = String((model[displaySymbol]() as Record<string, unknown>)["text/plain"]);
    expect(table).toMatch(/activation fatrelu_[\d.]+ \(from the file's key llama\.hidden_activation\)/);
    expect(table).toMatch(/strategy exact \(rule: exact for a ReLU-family activation\)/);
    expect(table).toMatch(/memory weights .* MiB mapped and .* MiB copied, KV cache of a full context .*\(f32\)/);
    expect(table).toMatch(/file GGUF version 3, 6\.0 MiB, tiny-world\.q8_0\.gguf; architecture llama/);
    expect(progress).toEqual([0, 1]);
    expect(model).toMatchObject({ strategy: "exact", policy: { kind: "as-trained" }, threads: 1 });
    expect(model.memory.weights).toBeGreaterThan(1e6);
  });

  it("prints nothing with quiet", async () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    using model = await load(tinyWorld, { quiet: true });
    expect(log.mock.calls).toEqual([]);
    log.mockRestore();
    expect(model.layers).toBe(6);
  });

  it("says what an option overrules, and the rule of auto", async () => {
    const path = writeSmallLlama(dir.path, { magic: "PWRI" });
    const plain = await loadQuietly(path);
    expect(plain.summary).toMatch(/^small: activation relu \(from the rule of PowerInfer/);
    const table = String((plain.model[displaySymbol]() as Record<string, unknown>)["text/plain"]);
    expect(table).toMatch(/PWRI version \d+.*2 layers.*predictors ranks by layer 0:8 1:9; for strategy "predicted"/);
    expect(plain.model.predictors).toEqual([
      { layer: 0, rank: 8 },
      { layer: 1, rank: 9 },
    ]);
    const chosen = await loadQuietly(path, { activation: "silu" });
    expect(chosen.summary).toMatch(/activation silu \(from your option, which overrules relu \(the rule of PowerInfer/);
    expect(chosen.model.strategy).toBe("dense");
    for (const { model } of [plain, chosen]) model.dispose();
  });

  it("refuses a sparse model's GGUF without a key until the activation is chosen", async () => {
    const path = writeSmallLlama(dir.path, { file: "prosparse-tiny.gguf" });
    await expect(loadQuietly(path)).rejects.toMatchObject({
      code: "invalid-option",
      message: expect.stringMatching(/name contains "prosparse"/),
    });
    const { model } = await loadQuietly(path, { activation: "fatrelu_0.01" });
    expect(model.activation).toEqual({ name: "fatrelu_0.01", t: 0.01, from: "option" });
    model.dispose();
  });

  it("refuses a policy that does not go with the activation", async () => {
    const path = writeSmallLlama(dir.path);
    await expect(loadQuietly(path, { policy: { kind: "fatrelu", t: 0.1 } })).rejects.toThrow(
      /goes with a ReLU-family activation.*silu/,
    );
    await expect(loadQuietly(path, { activation: "relu", policy: { kind: "fatrelu", t: [0.1] } })).rejects.toThrow(
      /1 values for a model of 2 layers/,
    );
  });

  it("names the file that is missing or no model", async () => {
    await expect(loadQuietly("nowhere.gguf")).rejects.toMatchObject({
      code: "bad-file",
      message: expect.stringContaining("nowhere.gguf"),
    });
    await expect(loadQuietly("package.json")).rejects.toMatchObject({ code: "bad-file" });
    await expect(loadQuietly("")).rejects.toThrow(/needs the path/);
    await expect(loadQuietly(tinyWorld, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" });
    const context = small.context + 1;
    await expect(loadQuietly(writeSmallLlama(dir.path), { context })).rejects.toThrow(/has 64 positions/);
  });

  it("runs a file without a vocabulary on token ids", async () => {
    const { model } = await loadQuietly(writeSmallLlama(dir.path, { file: "bare.gguf", vocabulary: false }));
    expect((await model.run([1, 2, 3])).logits.size).toEqual({ token: 3, vocab: small.vocab });
    await expect(model.run("text")).rejects.toThrow(/no vocabulary.*token ids/);
    model.dispose();
    const keys = { "tokenizer.ggml.model": { type: "string", value: "gpt2" } } as const;
    const { model: other } = await loadQuietly(writeSmallLlama(dir.path, { file: "bpe.gguf", keys }));
    expect((await other.run([1, 2])).tokens).toEqual([1, 2]);
    await expect(other.run("text")).rejects.toMatchObject({
      code: "unsupported-model",
      message: expect.stringContaining("tokenizer.ggml.pre is missing"),
    });
    other.dispose();
  });
});
