/**
 * SmolLM2-135M-Instruct, a real pretrained model (`npm run test:real`, which fetches it): its answers, and llama.cpp's token ids and perplexity, which
 * make.mjs wrote down.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { smollm2 } from "../../lab/fetch/known.js";
import { loadQuietly } from "../../lab/model/load.js";
import type { Model } from "../../lab/model/model.js";
import { differingTexts, goldenOf, passage, perplexityRatio, smollm2Golden } from "./golden.js";

const golden = goldenOf(smollm2Golden);
let model: Model;
beforeAll(async () => {
  ({ model } = await loadQuietly(smollm2));
});
afterAll(() => model.dispose());

describe("SmolLM2", () => {
  it("answers a question through its chat template", async () => {
    const chat = [{ role: "user", content: "What is the capital of France?" }] as const;
    const generation = model.generate(chat, { maxTokens: 30 });
    expect(await generation.text()).toMatch(/Paris/);
    expect((await generation.prompt).pieces.slice(0, 2)).toEqual(["<|im_start|>", "system"]);
  }, 60_000);

  it("goes on with the conversation from its cache", async () => {
    const question = { role: "user", content: "Name one planet." } as const;
    const answer = await model.generate([question], { maxTokens: 24 }).text();
    const next = model.generate([question, { role: "assistant", content: answer }, { role: "user", content: "And a moon?" }], {
      maxTokens: 4,
    });
    const { reusedTokens, tokens } = await next.prompt;
    expect(reusedTokens).toBeGreaterThan(20);
    expect(reusedTokens).toBeLessThan(tokens.length);
    expect((await next.text()).length).toBeGreaterThan(0);
  }, 60_000);

  it("has llama.cpp's token ids", () => {
    expect(differingTexts(model, golden)).toEqual([]);
    expect(model.tokenizer.encode(passage, { special: false })).toEqual(golden.tokens);
  });

  it("has llama.cpp's perplexity: within 3 % in float, within 1 % in int8", async () => {
    expect(Math.abs(await perplexityRatio(model, golden))).toBeLessThan(0.03);
    const { model: int8 } = await loadQuietly(smollm2, { arithmetic: "int8" });
    expect(Math.abs(await perplexityRatio(int8, golden))).toBeLessThan(0.01);
    int8.dispose();
  }, 120_000);
});
