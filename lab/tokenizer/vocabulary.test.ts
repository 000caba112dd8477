/** Broken vocabularies: each is a LabError that names the key, what was expected and what was found. */
import { describe, expect, it } from "vitest";
import { numberArray, stringTable } from "../../test/support/gguf.js";
import { smallVocabulary } from "../../test/support/vocabularies.js";
import { LabError } from "../errors.js";
import type { FileTable, MetaValue } from "../native.js";
import { createTokenizer } from "./index.js";

const good = smallVocabulary([["▁a", 0, 1]]);
const numbers = (element: string, ...value: number[]): MetaValue => ({
  type: "numbers",
  element,
  value: numberArray(element, value),
});
/** The good file with one key changed. */
function changed(key: string, value: MetaValue | undefined): FileTable {
  const metadata = new Map(good.metadata);
  if (value) metadata.set(key, value);
  else metadata.delete(key);
  return { ...good, metadata };
}

describe("readVocabulary", () => {
  const k = (name: string) => `tokenizer.ggml.${name}`;
  const filled = (n: number, value: number) => new Array<number>(n).fill(value);
  it.each<[string, string, MetaValue | undefined, string, RegExp]>([
    ["no tokenizer", k("model"), undefined, "bad-file", /expected "llama".*no such key/],
    [
      "another tokenizer",
      k("model"),
      { type: "string", value: "bert" },
      "unsupported-model",
      /"bert" is not supported. Supported: "llama" .* and "gpt2"/,
    ],
    [
      "a model that is not a string",
      k("model"),
      { type: "u32", value: 1 },
      "bad-file",
      /expected a string, found a value of type u32/,
    ],
    ["no pieces", k("tokens"), undefined, "bad-file", /expected an array of strings, found no such key/],
    ["pieces that are numbers", k("tokens"), numbers("i32", 1), "bad-file", /expected an array of strings/],
    [
      "no piece at all",
      k("tokens"),
      { type: "strings", value: { bytes: new Uint8Array(), offsets: new Float64Array(1) } },
      "bad-file",
      /empty array/,
    ],
    [
      "a piece twice",
      k("tokens"),
      { type: "strings", value: { bytes: Buffer.from("aa"), offsets: Float64Array.of(0, 1, 2) } },
      "bad-file",
      /"a" as pieces 0 and 1/,
    ],
    ["too few scores", k("scores"), numbers("f32", 0, 0), "bad-file", /expected 260 values, .* found 2/],
    ["too many types", k("token_type"), numbers("i32", ...filled(261, 1)), "bad-file", /expected 260 values, .* found 261/],
    [
      "scores of the wrong type",
      k("scores"),
      { type: "strings", value: { bytes: new Uint8Array(), offsets: new Float64Array(261) } },
      "bad-file",
      /expected an array of numbers, found an array of strings/,
    ],
    [
      "types that are not integers",
      k("token_type"),
      numbers("f32", ...filled(260, 1)),
      "bad-file",
      /array of integers, found an array of f32/,
    ],
    [
      "more than is read",
      k("tokens"),
      { type: "unread", what: "an array of strings", count: 7e7, bytes: 6e8 },
      "bad-file",
      /expected an array of strings, found an array of strings of 572 MiB, more than is read/,
    ],
    ["a score that is not a number", k("scores"), numbers("f32", ...filled(259, 0), Number.NaN), "bad-file", /NaN for piece 259/],
    ["a BOS beyond the vocabulary", k("bos_token_id"), { type: "u32", value: 260 }, "bad-file", /a piece, 0 to 259, found 260/],
    ["an EOS that is text", k("eos_token_id"), { type: "string", value: "2" }, "bad-file", /a whole number/],
    [
      "a flag that is neither true nor false",
      k("add_bos_token"),
      { type: "u32", value: 2 },
      "bad-file",
      /true or false, found 2/,
    ],
    [
      "a flag that is a fraction",
      k("add_bos_token"),
      { type: "f32", value: 1 },
      "bad-file",
      /true or false, found a value of type f32/,
    ],
    ["a prefix flag that is text", k("add_space_prefix"), { type: "string", value: "no" }, "bad-file", /true or false/],
    ["a template that is a number", "tokenizer.chat_template", { type: "u32", value: 1 }, "bad-file", /expected a string/],
  ])("%s", (_, key, value, code, message) => {
    const attempt = () => createTokenizer(changed(key, value));
    expect(attempt).toThrow(LabError);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(key);
    try {
      attempt();
    } catch (error) {
      expect((error as LabError).code).toBe(code);
    }
  });

  it("takes a vocabulary whose pieces are any bytes", () => {
    const tokenizer = createTokenizer(
      smallVocabulary([
        [Uint8Array.of(0xff, 0x00), 0, 1],
        ["", 0, 1],
        ["\ufeff", 0, 1],
      ]),
    );
    expect(tokenizer.pieces([259, 261])).toEqual(["<0xFF><0x00>", "\ufeff"]);
    expect(tokenizer.single("\ufeff")).toBe(261);
  });
  it("passes over a padding piece beyond the vocabulary, as many files have", () => {
    expect(createTokenizer(changed(k("padding_token_id"), { type: "u32", value: 32000 })).size).toBe(260);
  });
  it("EOS that defaults to an ordinary piece ends nothing; one that a key names, or whose piece is a control piece, does", () => {
    const tokens = (second: string, type: number, keys: Record<string, MetaValue> = {}): FileTable => {
      const texts = ["<unk>", "<s>", second, "a"];
      const metadata = new Map<string, MetaValue>([
        [k("model"), { type: "string", value: "llama" }],
        [k("tokens"), { type: "strings", value: stringTable(texts) }],
        [k("token_type"), numbers("i32", 2, 3, type, 1)],
        ...Object.entries(keys),
      ]);
      return { ...good, metadata };
    };
    const ends = (file: FileTable) => [...createTokenizer(file).ends];
    expect(createTokenizer(tokens("th", 1)).eos).toBe(2);
    expect(ends(tokens("th", 1))).toEqual([]);
    expect(ends(tokens("th", 3))).toEqual([2]);
    expect(ends(tokens("</s>", 1))).toEqual([2]);
    expect(ends(tokens("th", 1, { [k("eos_token_id")]: { type: "u8", value: 2 } }))).toEqual([2]);
    expect(ends(tokens("th", 1, { [k("eos_token_id")]: { type: "u32", value: 2 ** 32 - 1 } }))).toEqual([]);
  });
  it("knows the ends of a turn", () => {
    const tokenizer = createTokenizer(smallVocabulary([["<|im_end|>", 0, 1]]));
    expect([...tokenizer.ends].sort((a, b) => a - b)).toEqual([2, 259]);
  });
});
