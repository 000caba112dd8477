/**
 * Hints work: each test makes an error, takes the way out from its message, and follows it. If there is no way out, the message must not suggest
 * one ("at most 0").
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LabError } from "../../lab/errors.js";
import { corpus } from "../../lab/measures/corpus.js";
import { measure } from "../../lab/measures/measure.js";
import type { Activation } from "../../lab/model/activation.js";
import { loadQuietly } from "../../lab/model/load.js";
import type { Model } from "../../lab/model/model.js";
import { createTokenizer } from "../../lab/tokenizer/index.js";
import { folder, small, writeSmallLlama } from "../support/small-llama.js";
import { smallVocabulary } from "../support/vocabularies.js";

let at: Awaited<ReturnType<typeof folder>>;
let model: Model;
beforeAll(async () => {
  at = await folder();
  ({ model } = await loadQuietly(writeSmallLlama(at.path)));
});
afterAll(async () => {
  model.dispose();
  await at.remove();
});

/** The error of a call, which must be one of ours. */
async function errorOf(call: () => unknown): Promise<LabError> {
  try {
    await call();
  } catch (error) {
    expect(error).toBeInstanceOf(LabError);
    return error as LabError;
  }
  throw new Error("no error came");
}
/** The number in a hint, or undefined if the hint is missing. */
const hinted = (error: LabError, hint: RegExp): number | undefined => {
  const found = hint.exec(error.message)?.[1];
  return found === undefined ? undefined : Number(found);
};
const ids = (count: number): number[] => Array.from({ length: count }, (_, i) => (i === 0 ? 1 : 4 + (i % 20)));

describe("a full context", () => {
  it.each([0, 1, 2, 17])("run with a prompt %d tokens too long", async (over) => {
    const prompt = ids(small.context + over);
    if (over === 0) await model.run(prompt);
    else {
      const error = await errorOf(() => model.run(prompt));
      expect(error.code).toBe("context-full");
      await model.run(prompt.slice(0, -hinted(error, /shorten it by (\d+) tokens?/)!));
    }
  });
  it.each([0, 1, 20])("generate with a prompt %d tokens too long", async (over) => {
    const prompt = ids(small.context + over);
    const error = await errorOf(() => model.generate(prompt));
    expect(error.message).not.toMatch(/maxTokens/);
    const by = hinted(error, /[Ss]horten (?:it|the prompt) by (\d+) tokens?/)!;
    await model.generate(prompt.slice(0, -by)).text();
    await errorOf(() => model.generate(prompt.slice(0, -(by - 1) || undefined)));
  });
  it.each([
    [60, 10],
    [63, 2],
    [10, 64],
    [10, 1000],
  ])("generate with %d tokens and maxTokens %d", async (tokens, maxTokens) => {
    const prompt = ids(tokens);
    const error = await errorOf(() => model.generate(prompt, { maxTokens }));
    await model.generate(prompt, { maxTokens: hinted(error, /maxTokens to at most (\d+)/)! }).text();
    const by = hinted(error, /Shorten the prompt by (\d+) tokens?/);
    if (maxTokens >= small.context) expect(by).toBeUndefined();
    else await model.generate(prompt.slice(0, -by!), { maxTokens }).text();
  });
  it("context beyond the file's own", async () => {
    const path = writeSmallLlama(at.path, { file: "context.gguf" });
    const error = await errorOf(() => loadQuietly(path, { context: 4096 }));
    const { model: shorter } = await loadQuietly(path, {
      context: hinted(error, /the model has (\d+) positions; give at most that/)!,
    });
    shorter.dispose();
  });
});

describe("a corpus shorter than a window", () => {
  const corpusOf = (text: string, options?: { maxTokens?: number }) => {
    const path = join(at.path, "corpus.txt");
    writeFileSync(path, text);
    return corpus(path, options);
  };
  const sparsity = (on: ReturnType<typeof corpus>, window: number) => measure(model, on, { measure: ["sparsity"], window });
  it.each([0, 1, 2, 3, 4, 20, 30])("%d letters", async (letters) => {
    const text = "abcdefghijklmnopqrstuvwxyz".repeat(2).slice(0, letters);
    const error = await errorOf(() => sparsity(corpusOf(text), 48));
    const window = hinted(error, /\{ window: (\d+) \}/);
    if (window === undefined) expect(error.message).toMatch(/a longer text/);
    else await sparsity(corpusOf(text), window);
  });
  it("limited by a small maxTokens", async () => {
    const text = "abcdefghij".repeat(10);
    const error = await errorOf(() => sparsity(corpusOf(text, { maxTokens: 5 }), 48));
    const more = hinted(error, /\{ maxTokens: (\d+) \}|maxTokens of at least (\d+)/);
    if (more !== undefined) await sparsity(corpusOf(text, { maxTokens: more }), 48);
    await sparsity(corpusOf(text, { maxTokens: 5 }), hinted(error, /\{ window: (\d+) \}/)!);
  });
});

describe("names and choices", () => {
  it("a hook point, and a point that was not captured", async () => {
    const error = await errorOf(() => model.run(ids(4), { capture: "blocks.0.ffn.md" as never }));
    const near = /Did you mean "([^"]+)"/.exec(error.message)![1]!;
    const run = await model.run(ids(4), { capture: near as "blocks.0.ffn.mid" });
    const missing = await errorOf(() => (run.cache.get as (point: string) => unknown)("blocks.1.ffn.up"));
    const { capture } = new Function(`return ${/Add it: (\{.*\})$/.exec(missing.message)![1]!}`)() as {
      capture: ["blocks.1.ffn.up"];
    };
    (await model.run(ids(4), { capture })).cache.get("blocks.1.ffn.up");
  });
  it("layers that do not exist", async () => {
    const error = await errorOf(() => model.run(ids(4), { capture: "blocks.9.ffn.mid" }));
    const [, last, range] = /from 0 to (\d+), a range such as "([^"]+)"/.exec(error.message)!;
    await model.run(ids(4), {
      capture: [`blocks.${Number(last)}.ffn.mid`, `blocks.${range as "0-1"}.ffn.mid`, "blocks.*.ffn.mid"],
    });
  });
  it("the activation of a file without a key, whose name suggests one", async () => {
    const path = writeSmallLlama(at.path, { file: "prosparse-tiny.gguf" });
    const error = await errorOf(() => loadQuietly(path));
    const choices = [...error.message.matchAll(/\{ activation: "([^"]+)" \}/g)].map(([, name]) => name as Activation);
    expect(choices.length).toBe(3);
    for (const activation of choices) (await loadQuietly(path, { activation })).model.dispose();
  });
  it.each<[string, Activation]>([
    ["relu", "silu"],
    ["gelu", "relu"],
    ["silu", "gelu"],
  ])("the family of %s, where %s was chosen", async (says, activation) => {
    const keys = { "llama.hidden_activation": { type: "string", value: says } } as const;
    const path = writeSmallLlama(at.path, { file: `${says}.gguf`, keys });
    const error = await errorOf(() => loadQuietly(path, { activation }));
    const choices = /choose one of its family: (.*)$/.exec(error.message)![1]!.split(", ");
    expect(choices).toContain(says);
    for (const name of choices) (await loadQuietly(path, { activation: name as Activation })).model.dispose();
  });
  it("a text that is one token only with its space, and one that never is", async () => {
    const pieces = [
      ["▁ab", -1, 1],
      ["▁", -9, 1],
      ["a", -9, 1],
      ["b", -9, 1],
      ["ab", -2, 1],
      ["▁xyz", -1, 1],
    ] as const;
    const tokenizer = createTokenizer(smallVocabulary(pieces));
    const spaced = createTokenizer(smallVocabulary(pieces.filter(([text]) => text !== "ab")));
    expect(tokenizer.single(" ab")).toBe(259);
    // No two neighbours of "▁ab" are a piece without "ab", so merging never gives it.
    for (const [one, text] of [
      [spaced, "ab"],
      [tokenizer, "xyz"],
    ] as const) {
      const error = await errorOf(() => one.single(text));
      const hint = /With its space, (".*"), it is one/.exec(error.message)?.[1];
      if (hint !== undefined) one.single(JSON.parse(hint) as string);
      else await errorOf(() => one.single(` ${text}`));
    }
    const reached = createTokenizer(
      smallVocabulary([
        ["▁qr", -1, 1],
        ["▁q", -2, 1],
        ["▁", -9, 1],
        ["q", -9, 1],
        ["r", -9, 1],
      ]),
    );
    const error = await errorOf(() => reached.single("qr"));
    expect(reached.single(JSON.parse(/With its space, (".*"), it is one/.exec(error.message)![1]!) as string)).toBe(259);
  });
});

describe("without a vocabulary", () => {
  it("token ids work where text does not", async () => {
    const { model: bare } = await loadQuietly(writeSmallLlama(at.path, { file: "bare.gguf", vocabulary: false }));
    const error = await errorOf(() => bare.run("text"));
    expect(error.message).toMatch(/pass token ids/);
    await bare.run(ids(4));
    for (const prompt of ["text", ids(4)]) {
      const error = await errorOf(() => bare.generate(prompt));
      expect(error.message).toMatch(/run takes token ids/);
      expect(error.message).not.toMatch(/pass token ids/);
    }
    bare.dispose();
  });
});
