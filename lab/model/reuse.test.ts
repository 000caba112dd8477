/** A generation that goes on from the last one's KV cache gives the bits of one that computes its whole prompt. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { random } from "../../test/support/seed.js";
import { native } from "../native.js";
import { tinyWorld } from "../package.js";
import { makeRoom } from "../runtime/memory.js";
import type { GenerateOptions } from "./generation.js";
import { loadQuietly } from "./load.js";
import type { Model } from "./model.js";

let model: Model;
beforeAll(async () => {
  ({ model } = await loadQuietly(tinyWorld, { threads: 2 }));
});
afterAll(() => model.dispose());
afterEach(() => vi.restoreAllMocks());

const tokens = (count: number) => Array.from({ length: count }, () => Math.floor(random() * model.vocab));
/** All that a generation reports, floats as their bits. */
async function told(view: Model, prompt: readonly number[], options: GenerateOptions = {}) {
  const generation = view.generate(prompt, { maxTokens: 6, temperature: 0.8, seed: 3, stop: [], ...options });
  const { logprobs, sparsity, logits, perplexity, reusedTokens } = await generation.prompt;
  const bits = (values: Float32Array) => [...new Uint32Array(values.slice().buffer)];
  const steps = [];
  for await (const { token, text, logprob, sparsity } of generation)
    steps.push({ token, text, logprob, sparsity: bits(sparsity) });
  const numbers = { logprobs: bits(logprobs), sparsity: bits(sparsity.data), logits: bits(logits.data), perplexity, steps };
  return { numbers, reusedTokens, sequence: [...prompt, ...steps.map(({ token }) => token)] };
}
/** The same by a view of its own, which has no last generation. */
async function alone(view: Model, prompt: readonly number[], options?: GenerateOptions) {
  const fresh = view.with({});
  try {
    return (await told(fresh, prompt, options)).numbers;
  } finally {
    fresh.dispose();
  }
}

describe("reuse of the last generation's KV cache", () => {
  it("gives the same bits, whatever the prompts share", async () => {
    const half = (await loadQuietly(tinyWorld, { threads: 1, kv: "f16" })).model;
    const view = (random() < 0.5 ? half : model).with({ strategy: random() < 0.5 ? "dense" : "exact" });
    let last: number[] = [];
    for (let round = 0; round < 12; round++) {
      const kept = round % 4 === 3 ? last : last.slice(0, Math.floor(random() * (last.length + 1)));
      const prompt = [...kept, ...tokens(1 + Math.floor(random() * 20))].slice(0, 200);
      const { numbers, reusedTokens, sequence } = await told(view, prompt);
      // The last token of a generation was chosen, and did not run.
      let shared = 0;
      while (shared < last.length - 1 && shared < prompt.length && last[shared] === prompt[shared]) shared++;
      expect(reusedTokens).toBe(shared < 2 ? 0 : shared - 1);
      expect(numbers).toEqual(await alone(view, prompt));
      last = sequence;
    }
    view.dispose();
    half.dispose();
  });

  it("gives the same bits where a token is certain: its logarithm is 0, not -0", async () => {
    const view = model.with({ interventions: [{ at: "logits", do: "scale", by: 1e6 }] });
    const { sequence } = await told(view, tokens(6), { temperature: 0 });
    const prompt = [...sequence, ...tokens(1)];
    const { logprobs } = await view.run(prompt);
    expect([...logprobs].filter((one) => Object.is(one, 0)).length).toBeGreaterThan(3);
    expect([...(await view.runBatch([prompt]))[0]!.logprobs]).toEqual([...logprobs]);
    const { numbers, reusedTokens } = await told(view, prompt);
    expect(reusedTokens).toBe(10);
    expect(numbers).toEqual(await alone(view, prompt));
    view.dispose();
  });

  it("computes only the rows that the prompts do not share", async () => {
    const view = model.with({});
    const { sequence } = await told(view, tokens(30));
    const forward = vi.spyOn(native(), "forward");
    const { reusedTokens } = await told(view, [...sequence, ...tokens(3)], { maxTokens: 1 });
    expect(reusedTokens).toBe(34); // 30 and 5 of 6 ran; the last of them gives the likelihood of what follows
    expect(forward.mock.calls.map(([, { positions }]) => [...positions])).toEqual([[34, 35, 36, 37, 38]]);
    view.dispose();
  });

  it("goes on from a generation that was left or stopped", async () => {
    const view = model.with({});
    const prompt = tokens(12);
    for await (const _ of view.generate(prompt, { maxTokens: 20 })) break;
    expect((await told(view, prompt)).reusedTokens).toBe(11);
    const controller = new AbortController();
    await expect(async () => {
      for await (const _ of view.generate(prompt, { maxTokens: 20, signal: controller.signal })) controller.abort();
    }).rejects.toMatchObject({ code: "aborted" });
    const { numbers, reusedTokens } = await told(view, prompt);
    expect(reusedTokens).toBe(11);
    expect(numbers).toEqual(await alone(view, prompt));
    view.dispose();
  });

  it("is one generation's alone, where two run at the same time", async () => {
    const view = model.with({});
    const { sequence } = await told(view, tokens(10));
    const prompt = [...sequence, ...tokens(2)];
    const both = await Promise.all([told(view, prompt), told(view, prompt)]);
    expect(both.map(({ reusedTokens }) => reusedTokens).sort()).toEqual([0, 14]);
    const expected = await alone(view, prompt);
    for (const { numbers } of both) expect(numbers).toEqual(expected);
    view.dispose();
  });

  it("does not happen between views, with captures, with functions, or under predicted", async () => {
    const prompt = tokens(8);
    const first = model.with({});
    await told(first, prompt);
    const other = model.with({ policy: { kind: "fatrelu", t: 0.1 } });
    expect((await told(other, prompt)).reusedTokens).toBe(0);
    await told(first, prompt);
    const captured = await told(first, prompt, { capture: "blocks.*.ffn.mid" });
    expect(captured.reusedTokens).toBe(0);
    const called = model.with({ interventions: [{ at: "blocks.0.ffn.mid", do: "call", fn: () => undefined }] });
    const predicted = model.with({ strategy: "predicted" });
    for (const view of [called, predicted]) {
      await told(view, prompt);
      expect((await told(view, prompt)).reusedTokens).toBe(0);
    }
    for (const view of [first, other, called, predicted]) view.dispose();
  });

  it("gives its memory back where other needs it, and with its view", async () => {
    const view = model.with({});
    const close = vi.spyOn(native(), "closeProgram");
    const prompt = tokens(8);
    await told(view, prompt);
    expect(close).toHaveBeenCalledTimes(0);
    makeRoom(2 ** 60);
    expect(close).toHaveBeenCalledTimes(1);
    expect((await told(view, prompt)).reusedTokens).toBe(0);
    view.dispose();
    expect(close).toHaveBeenCalledTimes(2);
  });

  it("keeps the last generations of four views", async () => {
    const views = Array.from({ length: 5 }, () => model.with({}));
    const prompt = tokens(8);
    for (const view of views) await told(view, prompt);
    const reused = [];
    for (const view of views.reverse()) reused.push((await told(view, prompt)).reusedTokens);
    expect(reused).toEqual([7, 7, 7, 7, 0]);
    for (const view of views) view.dispose();
  });

  it("ends when the view is disposed of while a generation is read", async () => {
    const view = model.with({});
    const close = vi.spyOn(native(), "closeProgram");
    for await (const _ of view.generate(tokens(5), { maxTokens: 3 })) view.dispose();
    expect(close).toHaveBeenCalledTimes(1);
  });

  it("keeps what the caller changed out of the next report", async () => {
    const view = model.with({});
    const prompt = tokens(9);
    const generation = view.generate(prompt, { maxTokens: 4 });
    const run = await generation.prompt;
    run.logprobs.fill(0);
    run.sparsity.data.fill(7);
    for await (const step of generation) step.sparsity.fill(9);
    const { numbers, reusedTokens } = await told(view, prompt);
    expect(reusedTokens).toBe(8);
    expect(numbers).toEqual(await alone(view, prompt));
    view.dispose();
  });
});
