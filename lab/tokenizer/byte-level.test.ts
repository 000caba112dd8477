/** Byte-level BPE: llama.cpp's ids with each pre-tokenizer (test/golden/make_byte_level.mjs), whole and in slices, and back to the text. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { type Meta, readGguf } from "../../test/support/gguf.js";
import { random } from "../../test/support/seed.js";
import type { FileTable } from "../native.js";
import { readBytes, writtenBytes } from "./byte-level.js";
import { createTokenizer, encodeSlices, type Tokenizer } from "./index.js";
import { finish } from "./part-encoder.js";
import { preTokenizerNames } from "./pre-tokenizers.js";

interface Golden {
  readonly texts: readonly string[];
  readonly cases: readonly {
    readonly pre: string;
    readonly same?: string;
    readonly bos?: boolean;
    readonly plain?: readonly (readonly number[])[];
    readonly special?: readonly (readonly number[])[];
  }[];
}
const folder = join(import.meta.dirname, "..", "..", "test", "golden", "tokenizer");
const { texts, cases } = JSON.parse(gunzipSync(readFileSync(join(folder, "byte-level.json.gz"))).toString()) as Golden;
const base = readGguf("byte-level.gguf", gunzipSync(readFileSync(join(folder, "byte-level.gguf.gz"))));

/** The vocabulary with other keys; undefined leaves one out. */
function withKeys(changes: Readonly<Record<string, Meta | undefined>>): FileTable {
  const metadata = new Map(base.metadata);
  for (const [key, value] of Object.entries(changes)) {
    if (value) metadata.set(`tokenizer.ggml.${key}`, value as never);
    else metadata.delete(`tokenizer.ggml.${key}`);
  }
  return { ...base, metadata };
}
const withPre = (pre: string): Tokenizer => createTokenizer(withKeys({ pre: { type: "string", value: pre } }));
/** The text fed in pieces. */
function sliced(tokenizer: Tokenizer, text: string, size: number, special: boolean): number[] {
  const slices = encodeSlices(tokenizer, { special });
  const chars = Array.from(text);
  for (let at = 0; at < chars.length; at += size) {
    slices.add(chars.slice(at, at + size).join(""));
    finish(slices.steps(false));
  }
  finish(slices.steps(true));
  return slices.out;
}

describe("byte-level BPE", () => {
  it("is known for each pre-tokenizer", () => {
    expect(cases.map(({ pre }) => pre)).toEqual(preTokenizerNames);
  });

  it.each(cases.map(({ pre }) => pre))("gives llama.cpp's ids with %s", (pre) => {
    const own = cases.find((one) => one.pre === pre)!;
    const { plain, special, bos } = own.same ? cases.find((one) => one.pre === own.same)! : own;
    const tokenizer = withPre(pre);
    expect(tokenizer.addsBos).toBe(bos);
    texts.forEach((text, i) => {
      // The reference tokenises without BOS and EOS.
      const encode = (special: boolean) => tokenizer.encode(text, { bos: false, eos: false, special });
      expect([text, encode(false)]).toEqual([text, plain![i]]);
      expect([text, encode(true)]).toEqual([text, special![i]]);
      expect(tokenizer.decode(encode(false))).toBe(Buffer.from(text).toString());
    });
  });

  it("gives the same in slices, wherever the text is cut", () => {
    for (const pre of preTokenizerNames) {
      const tokenizer = withPre(pre);
      const all = texts.filter(() => random() < 0.3).join(random() < 0.5 ? " " : "\n");
      for (const special of [true, false]) {
        const size = 1 + Math.floor(random() ** 2 * 400);
        expect(sliced(tokenizer, all, size, special), pre).toEqual(tokenizer.encode(all, { special }));
      }
    }
  }, 60_000);

  it("shows and streams bytes of a character only when it is whole", () => {
    const tokenizer = withPre("gpt-2");
    const tokens = tokenizer.encode(" 🐟");
    expect(tokens.length).toBeGreaterThan(1);
    expect(tokenizer.decode(tokens)).toBe(" 🐟");
    expect(tokenizer.decode(tokens.slice(0, -1))).toMatch(/^ \ufffd+$/);
    expect(tokenizer.pieces(tokens).join("")).toMatch(/^ ?(<0x[0-9A-F]{2}>)+$/);
  });

  it("writes every byte as a character of its own, and reads it back", () => {
    const bytes = Buffer.from(Uint8Array.from({ length: 256 }, (_, i) => i)).toString("latin1");
    const written = writtenBytes(bytes);
    expect(new Set(Buffer.from(written, "latin1").toString("utf8")).size).toBe(256);
    expect(Buffer.from(readBytes(written)).toString("latin1")).toBe(bytes);
  });

  it("refuses an unknown pre-tokenizer, and a file that names none", () => {
    expect(() => withPre("llama-pbe")).toThrow(
      /pre-tokenizer "llama-pbe" is not supported\. Did you mean "llama-bpe"\? Known: default, /,
    );
    expect(() => createTokenizer(withKeys({ pre: undefined }))).toThrow(/tokenizer\.ggml\.pre is missing.*gguf_new_metadata/);
  });

  it("refuses a list of merges that is missing or is none", () => {
    expect(() => createTokenizer(withKeys({ merges: undefined }))).toThrow(
      /tokenizer\.ggml\.merges: expected an array of strings/,
    );
    const bytes = new TextEncoder().encode("Ġt");
    const merges = { type: "strings", value: { bytes, offsets: Float64Array.of(0, bytes.length) } } as never;
    expect(() => createTokenizer(withKeys({ merges }))).toThrow(/expected two texts with a space between, found "Ġt" as merge 0/);
  });

  it("takes a long word in steps, in time that grows with it", () => {
    const tokenizer = withPre("llama-bpe");
    for (const char of ["a", " ", "\n", "好", "!"]) {
      const text = char.repeat(200_000);
      const slices = encodeSlices(tokenizer, { special: true });
      slices.add(text);
      let steps = 0;
      for (const _ of slices.steps(true)) steps++;
      expect(steps).toBeGreaterThan(20);
      expect(tokenizer.decode(slices.out)).toBe(text);
    }
  }, 60_000);
});
