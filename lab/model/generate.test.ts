import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { largest } from "../math.js";
import { tinyWorld } from "../package.js";
import { greedyRows } from "./greedy.js";
import { steer } from "./interventions.js";
import { loadQuietly } from "./load.js";
import type { Model } from "./model.js";

const prompt = "The rope is in the";
let model: Model;
beforeAll(async () => {
  ({ model } = await loadQuietly(tinyWorld, { threads: 2 }));
});
afterAll(() => model.dispose());

describe("generate", () => {
  it("takes the most likely token at each step, and describes the pass that chose it", async () => {
    const generation = model.generate(prompt, { maxTokens: 8, capture: "blocks.*.ffn.mid" });
    const first = await generation.prompt;
    const steps = [];
    for await (const step of generation) steps.push(step);
    const tokens = [...first.tokens, ...steps.map(({ token }) => token)];
    const whole = await model.run(tokens, { capture: "blocks.*.ffn.mid" });
    steps.forEach((step, i) => {
      const row = first.tokens.length - 1 + i;
      expect(step.token).toBe(largest(whole.logits.at({ token: row }).data, 1)[0]);
      expect(step.logprob).toBeCloseTo(whole.logprobs[row + 1]!, 4);
      expect(step.top(3)[0]).toMatchObject({ token: step.token, logprob: step.logprob });
      expect([...step.cache.get("blocks.*.ffn.mid").at({ token: 0 }).data]).toEqual([
        ...whole.cache.get("blocks.*.ffn.mid").at({ token: row }).data,
      ]);
      expect([...step.sparsity]).toEqual([...whole.sparsity.at({ token: row }).data]);
    });
    expect(steps.map(({ text }) => text).join("")).toBe(model.tokenizer.decode(tokens).slice(prompt.length));
    expect(await generation.text()).toBe(steps.map(({ text }) => text).join(""));
  });

  it("ends with the end-of-sequence token, whose text is empty", async () => {
    const { model: chatty } = await loadQuietly(tinyWorld, { context: 64 });
    const ends = [...chatty.tokenizer.ends];
    const forced = chatty.with({
      interventions: [
        { at: "logits", do: "add", vector: Float32Array.from({ length: chatty.vocab }, (_, i) => (ends.includes(i) ? 1000 : 0)) },
      ],
    });
    const steps = [];
    for await (const step of forced.generate(prompt)) steps.push(step);
    expect(steps.map(({ token, text }) => [ends.includes(token), text])).toEqual([[true, ""]]);
    for (const view of [chatty, forced]) view.dispose();
  });

  it("ends before a stop string, and never shows half of one", async () => {
    const full = await model.generate(prompt, { maxTokens: 24 }).text();
    const stop = full.slice(6, 12);
    const texts = [];
    for await (const { text } of model.generate(prompt, { maxTokens: 24, stop: [stop] })) texts.push(text);
    expect(texts.join("")).toBe(full.slice(0, full.indexOf(stop)));
    const generation = model.generate(prompt, { maxTokens: 24, stop: ["never in there"] });
    expect(await generation.text()).toBe(full);
  });

  it("draws the same text for the same seed", async () => {
    const text = (seed: number) => model.generate(prompt, { maxTokens: 16, temperature: 1.2, seed }).text();
    expect(await text(3)).toBe(await text(3));
    expect(await text(3)).not.toBe(await text(4));
  });

  it("stops when the loop is left, and lets others run between steps", async () => {
    let count = 0;
    for await (const _ of model.generate(prompt, { maxTokens: 50 })) {
      expect((await model.run("A bag", { logits: "last" })).tokens.length).toBeGreaterThan(1);
      if (++count === 3) break;
    }
    expect(count).toBe(3);
    const stop = new AbortController();
    const reading = (async () => {
      for await (const _ of model.generate(prompt, { signal: stop.signal })) if (++count === 6) stop.abort();
    })();
    await expect(reading).rejects.toMatchObject({ code: "aborted" });
    expect(count).toBe(6);
  });

  it("reports a context that is too small with numbers, and fills it by default", async () => {
    expect(() => model.generate(prompt, { maxTokens: 512 })).toThrow(
      /6 tokens and 512 more are wanted; the context holds 512.*at most 506/,
    );
    const { model: narrow } = await loadQuietly(tinyWorld, { context: 12 });
    let count = 0;
    for await (const _ of narrow.generate(prompt)) count++;
    expect(count).toBe(6);
    narrow.dispose();
  });

  it("refuses options it does not know, and a second reading", async () => {
    expect(() => model.generate(prompt, { temprature: 1 } as never)).toThrow(/Did you mean "temperature"/);
    expect(() => model.generate(prompt, { maxTokens: 0 })).toThrow(/maxTokens/);
    const generation = model.generate(prompt, { maxTokens: 1 });
    await generation.text();
    await expect(generation[Symbol.asyncIterator]().next()).rejects.toThrow(/read only once/);
  });

  it("feeds greedy tokens row by row to the bits of one pass", async () => {
    const { tokens, rows } = await greedyRows(model, [1, 17, 300], 5, "logits");
    expect(tokens.length).toBe(8);
    expect([...rows.data]).toEqual([...(await model.run(tokens)).logits.data]);
    const mid = await greedyRows(model, [1, 17, 300], 5, "blocks.1-2.ffn.mid");
    expect([...mid.rows.data]).toEqual([
      ...(await model.run(tokens, { capture: "blocks.1-2.ffn.mid" })).cache.get("blocks.1-2.ffn.mid").data,
    ]);
  });
});

it("a model loads while a generation waits to be read", async () => {
  const generation = model.generate(prompt, { maxTokens: 100 });
  await generation.prompt;
  const { model: other } = await loadQuietly(tinyWorld, {});
  other.dispose();
  await generation.text();
});

it("log-probabilities survive logits that dwarf their logarithm", async () => {
  const view = model.with({ interventions: [steer("logits", new Float32Array(model.vocab).fill(3e38))] });
  const even = -Math.log(model.vocab);
  const run = await view.run(prompt);
  expect(run.logprobs[1]).toBeCloseTo(even, 5);
  for await (const step of view.generate(prompt, { maxTokens: 2 })) {
    expect(step.logprob).toBeCloseTo(even, 9);
    expect(step.top(1)[0]!.logprob).toBeCloseTo(even, 9);
  }
});
