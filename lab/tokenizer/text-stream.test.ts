/** Streams: whole characters only, no byte lost, the same text as decode. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { smallVocabulary } from "../../test/support/vocabularies.js";
import { createTextStream, createTokenizer } from "./index.js";

const tokenizer = createTokenizer(
  smallVocabulary([
    ["▁", -1, 1],
    ["▁a", 0, 1],
    ["a", -1, 1],
    ["<mark>", 0, 4],
  ]),
);
const [spaceA, a, mark] = [260, 261, 262];
const byte = (b: number) => 3 + b;

describe("createTextStream", () => {
  it("holds a character back until its last byte", () => {
    const stream = createTextStream(tokenizer, [spaceA]);
    expect([0xf0, 0x9f, 0xa6, 0x99].map((b) => stream.push(byte(b)))).toEqual(["", "", "", "🦙"]);
    expect(stream.flush()).toBe("");
  });
  it("gives U+FFFD for what never became a character", () => {
    const stream = createTextStream(tokenizer, [spaceA]);
    expect(stream.push(byte(0xe4))).toBe("");
    expect(stream.push(a)).toBe("\ufffda");
    expect(stream.push(byte(0xff))).toBe("\ufffd");
    expect(stream.push(byte(0xe4))).toBe("");
    expect(stream.push(mark)).toBe("\ufffd<mark>");
    expect(stream.push(byte(0xf0))).toBe("");
    expect(stream.flush()).toBe("\ufffd");
  });
  it("goes on after a prompt: the space is text there, and a dummy after a special token", () => {
    expect(createTextStream(tokenizer, [1, spaceA]).push(spaceA)).toBe(" a");
    expect(createTextStream(tokenizer, [1, spaceA, mark]).push(spaceA)).toBe("a");
    expect(createTextStream(tokenizer, [1]).push(spaceA)).toBe("a");
    expect(createTextStream(tokenizer).push(1)).toBe("");
    expect(createTextStream(tokenizer, [spaceA, a, a, a, a, a]).push(spaceA)).toBe(" a");
    const inside = createTextStream(tokenizer, [1, spaceA, byte(0xc3)]);
    expect(inside.push(byte(0xa9))).toBe("é");
  });
  it("keeps a byte order mark", () => {
    expect(
      [0xef, 0xbb, 0xbf]
        .map((b) => byte(b))
        .map((t, _, all) => (t === all[2] ? tokenizer.decode(all) : ""))
        .at(-1),
    ).toBe("\ufeff");
  });
  it("says over all pushes what decode says, in whole characters", () => {
    const token = fc.oneof(
      fc.integer({ min: 0, max: tokenizer.size - 1 }),
      fc.constantFrom(...[..."é漢🦙"].flatMap((c) => [...Buffer.from(c)].map(byte))),
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 30 }), (tokens) => {
        const stream = createTextStream(tokenizer);
        const parts = [...tokens.map((t) => stream.push(t)), stream.flush()];
        for (const part of parts) expect(part).not.toMatch(/\p{Surrogate}/u);
        expect(parts.join("")).toBe(tokenizer.decode(tokens));
      }),
      { numRuns: 1000 },
    );
  });
  it("takes tokenizers of createTokenizer and tokens of the vocabulary only", () => {
    expect(() => createTextStream({} as never)).toThrow(/createTokenizer/);
    expect(() => createTextStream(tokenizer, [9999])).toThrow(/received 9999 at 0/);
  });
});
