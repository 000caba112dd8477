/** A broken vocabulary affects only text: token ids run, `info` reports the fault, and functions that need text fail before any work. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { info } from "../../cli/commands/info.js";
import { loadQuietly } from "../../lab/model/load.js";
import { native } from "../../lab/native.js";
import type { Meta } from "../support/gguf.js";
import { folder, small, writeSmallLlama } from "../support/small-llama.js";

let at: Awaited<ReturnType<typeof folder>>;
beforeAll(async () => {
  at = await folder();
});
afterAll(() => at.remove());

const k = (name: string) => `tokenizer.ggml.${name}`;
const pieces = (count: number, change: (i: number) => string = (i) => `p${i}`) =>
  Array.from({ length: count }, (_, i) => change(i));
/** A vocabulary of `count` pieces in place of the file's. */
const vocabularyOf = (texts: readonly string[]): Record<string, Meta> => ({
  [k("tokens")]: { type: "strings", value: texts },
  [k("scores")]: { type: "numbers", element: "f32", value: texts.map((_, i) => -i) },
  [k("token_type")]: { type: "numbers", element: "i32", value: texts.map(() => 1) },
});
const faults: readonly (readonly [string, Readonly<Record<string, Meta>>, RegExp])[] = [
  [
    "BOS out of range",
    { [k("bos_token_id")]: { type: "u32", value: small.vocab } },
    /bos_token_id: expected a piece, 0 to 39, found 40/,
  ],
  ["EOS below zero", { [k("eos_token_id")]: { type: "i32", value: -7 } }, /eos_token_id: expected a piece, 0 to 39, found -7/],
  ["unknown out of range", { [k("unknown_token_id")]: { type: "u64", value: 2n ** 60n } }, /unknown_token_id: expected a piece/],
  ["equal pieces", vocabularyOf(pieces(small.vocab, (i) => `p${i % 39}`)), /"p0" as pieces 0 and 39/],
  ["fewer pieces than rows", vocabularyOf(pieces(32)), /expected 40 pieces, one for each row of the embedding, found 32/],
  ["more pieces than rows", vocabularyOf(pieces(41)), /expected 40 pieces, one for each row of the embedding, found 41/],
  [
    "types that are texts",
    { [k("token_type")]: { type: "strings", value: pieces(40) } },
    /token_type: expected an array of integers/,
  ],
  ["a kind that is not a string", { [k("model")]: { type: "u32", value: 1 } }, /tokenizer\.ggml\.model: expected a string/],
  [
    "pieces that are arrays",
    { [k("tokens")]: { type: "arrays", value: [] } },
    /tokens: expected an array of strings, found an array of arrays/,
  ],
];
let files = 0;
const write = (keys: Readonly<Record<string, Meta | null>>) => writeSmallLlama(at.path, { file: `${files++}.gguf`, keys });
const logits = async (path: string) => {
  const { model } = await loadQuietly(path, { threads: 1 });
  const { data } = (await model.run([1, 5, 9])).logits;
  model.dispose();
  return data;
};
async function infoOf(path: string): Promise<Record<string, unknown>> {
  const out = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  try {
    await info.run([path, "--json"]);
    return JSON.parse(out.mock.calls.map(([text]) => String(text)).join("")) as Record<string, unknown>;
  } finally {
    out.mockRestore();
  }
}

describe.each(faults)("%s", (_, keys, says) => {
  it("does not affect token ids, and is an error of text functions", async () => {
    const path = write(keys);
    expect(await logits(path)).toEqual(await logits(write({})));
    const { model } = await loadQuietly(path, { threads: 1 });
    expect(() => model.tokenizer).toThrow(says);
    await expect(model.run("abc")).rejects.toThrow(says);
    model.dispose();
  });
  it("fails generate before the prompt is run", async () => {
    const { model } = await loadQuietly(write(keys), { threads: 1 });
    const forward = vi.spyOn(native(), "forward");
    try {
      expect(() => model.generate([1, 5, 9], { maxTokens: 2 })).toThrow(says);
      expect(() => model.generate([1, 5, 9], { maxTokens: 2 })).toThrow(/generate writes text.*run takes token ids/);
      expect(forward).not.toHaveBeenCalled();
      await model.run([1, 5, 9]);
      expect(forward).toHaveBeenCalled();
    } finally {
      forward.mockRestore();
      model.dispose();
    }
  });
  it("is in info", async () => {
    const { tokenizer, shape } = await infoOf(write(keys));
    expect(shape).toMatchObject({ vocab: small.vocab });
    expect(JSON.stringify(tokenizer)).toMatch(/fault|supported":false/);
  });
});

describe("valid vocabularies", () => {
  it("with types as u32, flags as numbers, and -1 for missing tokens", async () => {
    const usual = await loadQuietly(write({}));
    const other = await loadQuietly(
      write({
        [k("token_type")]: { type: "numbers", element: "u32", value: [2, 3, 3, ...new Array<number>(small.vocab - 3).fill(1)] },
        [k("scores")]: { type: "numbers", element: "f64", value: Array.from({ length: small.vocab }, (_, i) => -i) },
        [k("add_bos_token")]: { type: "u32", value: 1 },
        [k("add_space_prefix")]: { type: "u8", value: 1 },
        [k("eos_token_id")]: { type: "u16", value: 2 },
        [k("eot_token_id")]: { type: "u32", value: 2 ** 32 - 1 },
        [k("unknown_token_id")]: { type: "i32", value: -1 },
      }),
    );
    const text = "a dab </s> bed";
    expect(other.model.tokenizer.encode(text)).toEqual(usual.model.tokenizer.encode(text));
    usual.model.dispose();
    other.model.dispose();
  });
  it("a text that begins with BOS gets no second one; one that begins with the characters of BOS gets one", async () => {
    const typed = await loadQuietly(write({}));
    const untyped = await loadQuietly(write({ [k("token_type")]: null }));
    expect((await typed.model.run("<s>abc")).tokens.slice(0, 2)).toEqual([1, typed.model.tokenizer.single("\u2581a")]);
    const { tokens } = await untyped.model.run("<s>abc").catch((error: Error) => ({ tokens: error.message }));
    // This vocabulary has no "<", so its characters cannot be encoded; they are not taken for BOS.
    expect(tokens).toMatch(/cannot encode the text/);
    typed.model.dispose();
    untyped.model.dispose();
  });
  it("info reports llama.vocab_size only if it differs from the number of rows", async () => {
    expect(await infoOf(write({ "llama.vocab_size": { type: "u64", value: 32000n } }))).toMatchObject({ vocabSize: 32000 });
    expect(await infoOf(write({ "llama.vocab_size": { type: "u16", value: small.vocab } }))).not.toHaveProperty("vocabSize");
    expect(await infoOf(write({}))).toMatchObject({ tokenizer: { supported: true, size: small.vocab, addsEos: false } });
  });
});

describe("add_eos_token", () => {
  const added = (value: Meta) => loadQuietly(write({ [k("add_eos_token")]: value }), { threads: 1 });
  it.each<Meta>([
    { type: "bool", value: true },
    { type: "u32", value: 1 },
  ])("is obeyed (%o)", async (flag) => {
    const { model } = await added(flag);
    const plain = (await loadQuietly(write({}))).model;
    const { tokenizer } = model;
    expect(tokenizer.addsEos).toBe(true);
    expect(tokenizer.encode("abc")).toEqual([...plain.tokenizer.encode("abc"), 2]);
    expect(tokenizer.encode("abc", { bos: false })).toEqual(plain.tokenizer.encode("abc", { bos: false }));
    expect(tokenizer.encode("abc", { eos: false })).toEqual(plain.tokenizer.encode("abc"));
    expect(plain.tokenizer.encode("abc", { eos: true })).toEqual([...plain.tokenizer.encode("abc"), 2]);
    for (const text of ["abc", "", "abc</s>", " a </s></s>"]) expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    expect((await model.run("abc")).tokens.at(-1)).toBe(2);
    model.dispose();
    plain.dispose();
  });
  it("false changes nothing", async () => {
    const { model } = await added({ type: "bool", value: false });
    expect(model.tokenizer.encode("abc").at(-1)).not.toBe(2);
    model.dispose();
  });
});
