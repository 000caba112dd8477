/** Slices give the ids of the whole text: random vocabularies, texts and slice lengths, and texts that can hardly be cut. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { smallVocabulary } from "../../test/support/vocabularies.js";
import { createTokenizer, encodeSlices, type Token, type Tokenizer } from "./index.js";

function sliced(tokenizer: Tokenizer, text: string, lengths: readonly number[], special = false): Token[] {
  const slices = encodeSlices(tokenizer, { special });
  const out: Token[] = [];
  const drain = (last: boolean) => {
    for (const _ of slices.steps(last)) out.push(...slices.out.splice(0));
  };
  const characters = [...text];
  for (let at = 0, i = 0; at < characters.length; i++) {
    const length = Math.max(1, lengths[i % lengths.length] ?? 1);
    slices.add(characters.slice(at, at + length).join(""));
    drain(false);
    at += length;
  }
  drain(true);
  return [...out, ...slices.out];
}

const alphabet = ["a", "b", "c", " ", " ", "\n", "é", "🦙", "<", "|", ">", "▁"];
const letters = (min: number, max: number) => fc.string({ unit: fc.constantFrom(...alphabet), minLength: min, maxLength: max });
const piece = fc.record({
  text: letters(1, 5).map((text) => text.replaceAll(" ", "▁")),
  score: fc.integer({ min: -4, max: 0 }),
  type: fc.constant(1),
});
/** User-defined and control pieces are matched in the raw text: spaces stay spaces. */
const special = fc.record({ text: letters(1, 4), score: fc.constant(0), type: fc.constantFrom(3, 4, 4) });
const vocabulary = fc
  .record({
    pieces: fc.uniqueArray(fc.oneof({ weight: 4, arbitrary: piece }, { weight: 1, arbitrary: special }), {
      selector: ({ text }) => text,
      maxLength: 24,
    }),
    prefix: fc.boolean(),
    bos: fc.boolean(),
    eos: fc.boolean(),
    name: fc.constantFrom("small", "Phi-3"),
  })
  .map(({ pieces, prefix, bos, eos, name }) => ({
    pieces: pieces.map(({ text, score, type }) => [text, score, type] as const),
    meta: {
      "tokenizer.ggml.add_space_prefix": prefix,
      "tokenizer.ggml.add_bos_token": bos,
      "tokenizer.ggml.add_eos_token": eos,
      "general.name": name,
    },
  }));

describe("slices", () => {
  it("give the ids of the whole text", () => {
    fc.assert(
      fc.property(
        vocabulary,
        fc.array(letters(0, 60), { minLength: 1, maxLength: 4 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        ({ pieces, meta }, texts, lengths, withSpecials) => {
          const tokenizer = createTokenizer(smallVocabulary(pieces, { meta }));
          // Pieces of the vocabulary among the text, so that special texts and merges come up often.
          const text = texts.map((part, i) => part + (pieces[(i * 7) % Math.max(1, pieces.length)]?.[0] ?? "")).join("");
          expect(sliced(tokenizer, text, lengths, withSpecials)).toEqual([...tokenizer.encode(text, { special: withSpecials })]);
        },
      ),
      { numRuns: 1000 },
    );
  });

  const doubling = createTokenizer(
    smallVocabulary([
      ["a", -9, 1],
      ["aa", -3, 1],
      ["aaaa", -2, 1],
      ["aaaaaaaa", -1, 1],
      ["▁", -9, 1],
      ["▁▁", -3, 1],
      ["▁▁▁▁", -2, 1],
      ["<pad>", 0, 4],
      ["><", -5, 1],
      ["▁a", -8, 1],
      ["b", -9, 1],
    ]),
  );
  it.each([
    ["one letter", "a".repeat(30_001)],
    ["spaces", " ".repeat(20_003)],
    ["a special text whose ends form a piece", "<pad>".repeat(5001)],
    ["what is almost a special text", "<pad<pad>>pad>".repeat(2000)],
    ["nothing", ""],
    ["one character", "a"],
  ])("give the ids of the whole text: %s", (_, text) => {
    for (const length of [1 + Math.floor(text.length / 3), 997])
      expect(sliced(doubling, text, [length])).toEqual([...doubling.encode(text, { special: false })]);
  });

  it("do not take the end of a special text that is overlapped, and so not matched, for a cut", () => {
    const pieces = ["x", "y", "b", "xb", "bx"].map((piece, i) => [piece, -9 + i, 1] as const);
    const tokenizer = createTokenizer(
      smallVocabulary([...pieces, ["xyx", 0, 4]], { meta: { "tokenizer.ggml.add_space_prefix": false } }),
    );
    const text = "xyxyxb".repeat(200);
    for (const length of [1, 5, 37])
      expect(sliced(tokenizer, text, [length])).toEqual([...tokenizer.encode(text, { special: false })]);
  });

  it("cut where they can: tokens come before the text ends, and no more is kept than a slice", () => {
    for (const text of ["aaa b", "<pad>"]) {
      const slices = encodeSlices(doubling, { special: false });
      let found = 0;
      for (let i = 0; i < 50; i++) {
        slices.add(text.repeat(100));
        for (const _ of slices.steps(false));
        const ready = slices.out.splice(0).length;
        if (i > 0) expect(ready, text).toBeGreaterThan(0);
        found += ready;
      }
      expect(found).toBeGreaterThan(0.97 * doubling.encode(text.repeat(5000), { special: false }).length);
    }
  });

  it("work on a text without a cut in small steps, beside which others use the tokenizer", () => {
    const text = "a".repeat(100_000);
    const slices = encodeSlices(doubling, { special: false });
    slices.add(text);
    let steps = 0;
    for (const _ of slices.steps(false)) steps++;
    expect(slices.out).toEqual([doubling.bos]);
    for (const _ of slices.steps(true)) {
      if (++steps % 10 === 0) expect(doubling.encode("aaa", { bos: false })).toHaveLength(3);
    }
    expect(steps).toBeGreaterThan(100);
    expect(slices.out).toEqual([...doubling.encode(text, { special: false })]);
  });
});
