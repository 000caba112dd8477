/**
 * The tokenizer against llama.cpp's own ids (test/golden/tokenizer, made by test/golden/make_tokenizer.mjs), and what llama.cpp has no
 * say in: round trips, whole markers that a file calls ordinary, single, pieces, options.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readGguf } from "../../test/support/gguf.js";
import { editVocabulary, smallVocabulary, type VocabularyEdit } from "../../test/support/vocabularies.js";
import { createTokenizer, type Tokenizer } from "./index.js";

const golden = new URL("../../test/golden/tokenizer/", import.meta.url);
const unzip = (name: string) => gunzipSync(readFileSync(new URL(name, golden)));
const llamaFile = readGguf("llama-spm.gguf", unzip("llama-spm.gguf.gz"));
interface Golden {
  readonly source: string;
  readonly texts: readonly string[];
  readonly cases: readonly { name: string; edit: VocabularyEdit | null; plain: number[][]; special: number[][] }[];
}
const { source, texts, cases } = JSON.parse(unzip("cases.json.gz").toString()) as Golden;
const tinyWorld = fileURLToPath(new URL("../../notebooks/models/tiny-world.q8_0.gguf", import.meta.url));
const open = (edit: VocabularyEdit | null): Tokenizer =>
  createTokenizer(edit ? readGguf("edited.gguf", editVocabulary(llamaFile, edit)) : readGguf(tinyWorld));
const llama = createTokenizer(llamaFile);

describe(`ids of ${source}`, () => {
  it.each(cases)("$name", ({ edit, plain, special }) => {
    const tokenizer = open(edit);
    texts.forEach((text, i) => {
      expect(tokenizer.encode(text, { bos: false, special: false }), `plain: ${JSON.stringify(text)}`).toEqual(plain[i]);
      expect(tokenizer.encode(text, { bos: false, special: true }), `special: ${JSON.stringify(text)}`).toEqual(special[i]);
    });
  });
});

describe("round trip", () => {
  // U+2581 is SentencePiece's own sign for a space: its ids are those of a space.
  const anyText = fc.oneof(
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.string({ unit: "grapheme", maxLength: 40 }),
    fc.string({
      unit: fc.constantFrom("<s>", "</s>", "<unk>", "<AI>", "<用户>", " ", "  ", "\n", "a", "ab", "é", "🦙", "<0x0A>"),
      maxLength: 12,
    }),
  );
  const withoutSign = anyText.filter((text) => !text.includes("▁"));
  it.each(cases.filter((c) => !["phi-3", "user-defined"].includes(c.name)))("$name", ({ edit }) => {
    const tokenizer = open(edit);
    fc.assert(
      fc.property(withoutSign, fc.boolean(), (text, special) => tokenizer.decode(tokenizer.encode(text, { special })) === text),
      { numRuns: 400 },
    );
    for (const text of texts.filter((t) => !t.includes("▁"))) expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });
  it("holds where the vocabulary has nothing but bytes", () => {
    const tokenizer = createTokenizer(smallVocabulary([]));
    fc.assert(fc.property(withoutSign, (text) => tokenizer.decode(tokenizer.encode(text)) === text));
  });
  it("takes the dummy space away once", () => {
    expect(llama.decode(llama.encode(" a"))).toBe(" a");
    expect(llama.decode(llama.encode("</s> a</s>a"))).toBe("</s> a</s>a");
    expect(llama.decode([15043, 3186])).toBe("Hello world");
  });
  it("leaves the BOS out only where encoding adds one", () => {
    expect(llama.decode(llama.encode("<s>a"))).toBe("<s>a");
    const without = open({ meta: { "tokenizer.ggml.add_bos_token": false } });
    expect(without.addsBos).toBe(false);
    expect(without.encode("a")[0]).not.toBe(1);
    expect(without.decode(without.encode("<s>a"))).toBe("<s>a");
  });
  it("reads half a surrogate pair as U+FFFD", () => {
    expect(llama.decode(llama.encode("a\ud83d"))).toBe("a\ufffd");
  });
});

describe("special texts that the file calls ordinary", () => {
  const user = [..."<用户>"].map((text) => [text, -10, 1] as const);
  const pieces = [["▁", -1, 1], ...user, ["A", -2, 1], ["I", -2, 1]] as const;
  it("are one token where they are one piece and special tokens are asked for", () => {
    const tokenizer = createTokenizer(smallVocabulary([...pieces, ["<用户>", 0, 1], ["<AI>", 0, 1]]));
    const [userToken, ai] = [tokenizer.size - 2, tokenizer.size - 1];
    expect(tokenizer.encode("<用户>A<AI>", { bos: false })).toEqual([
      userToken,
      tokenizer.single("▁"),
      tokenizer.single("A"),
      ai,
    ]);
    expect(tokenizer.encode("<用户>", { bos: false, special: false })).toEqual(
      ["▁", "<", "用", "户", ">"].map(tokenizer.single, tokenizer),
    );
    expect(tokenizer.decode(tokenizer.encode("<用户> A<AI>"))).toBe("<用户> A<AI>");
    expect(tokenizer.single("<用户>")).toBe(userToken);
  });
  it("give ordinary ids where they are not pieces", () => {
    const tokenizer = createTokenizer(smallVocabulary(pieces));
    expect(tokenizer.pieces(tokenizer.encode("<用户>"))).toEqual(["<s>", " ", "<", "用", "户", ">"]);
  });
  it("are also the markers of the chat template and <|...|> that no merge can build", () => {
    const meta = { "tokenizer.chat_template": "{{ '<human>' + messages[0].content + '<bot>' }}" };
    const tokenizer = createTokenizer(
      smallVocabulary(
        [
          ["<human>", 0, 1],
          ["<|x|>", 0, 1],
          ["<other>", 0, 1],
        ],
        { meta },
      ),
    );
    expect(tokenizer.encode("<human><|x|>", { bos: false })).toEqual([259, 260]);
    expect(tokenizer.encode("<other>", { bos: false })).not.toContain(261);
  });
  it("are not special where merging gives the piece: a marker or a key does not make an ordinary piece special", () => {
    const pieces = ["[", "I", "]", "[I", "[I]", "a", "th", "t", "h", "▁"].map((text, i) => [text, -i, 1] as const);
    const plain = createTokenizer(smallVocabulary(pieces));
    const named = createTokenizer(
      smallVocabulary(pieces, {
        meta: {
          "tokenizer.chat_template": "[I]{{ messages[0].content }}",
          "tokenizer.ggml.padding_token_id": plain.single("a"),
          "tokenizer.ggml.eot_token_id": plain.single("th"),
        },
      }),
    );
    for (const text of ["a b a", "x [I] th", " th  th", "[I][I]", "that a"]) {
      expect(named.encode(text), text).toEqual(plain.encode(text));
      expect(named.decode(named.encode(text))).toBe(text);
    }
  });
  it("are never the bytes: the text <0x0A> is not a newline", () => {
    expect(llama.encode("<0x0A>", { bos: false })).not.toContain(13);
    expect(llama.decode(llama.encode("<0x0A>"))).toBe("<0x0A>");
  });
});

describe("encode", () => {
  it("adds the vocabulary's BOS, also to an empty text", () => {
    expect(llama.encode("")).toEqual([1]);
    expect(llama.encode("", { bos: false })).toEqual([]);
    expect(llama.encode("Hello")).toEqual([1, 15043]);
  });
  it("encodes a megabyte of any text: work that grew with the square of its length would not end within the test's limit", () => {
    for (const text of [
      texts.join("\n").repeat(96),
      "a".repeat(2 ** 20),
      " ".repeat(2 ** 20),
      "ab".repeat(2 ** 19),
      "漢".repeat(2 ** 18),
    ])
      expect(llama.encode(text).length).toBeGreaterThan(text.length / 20);
  });
  it("refuses a misspelt option, a number, and a missing BOS", () => {
    expect(() => llama.encode("a", { sepcial: true } as never)).toThrow(/"sepcial".*"special"/);
    expect(() => llama.encode(5 as never)).toThrow(/expected a string, received number/);
  });
  it("says which piece is missing where a text cannot be written", () => {
    const tokenizer = createTokenizer(smallVocabulary([["▁a", 0, 1]], { bytes: false }));
    expect(tokenizer.encode("a", { bos: false })).toEqual([3]);
    expect(() => tokenizer.encode("é")).toThrow(/tokenizer\.ggml\.tokens.*<0xE2>|tokenizer\.ggml\.tokens.*<0xC3>/);
  });
});

describe("pieces and single", () => {
  it("shows spaces, special tokens, and bytes that are not text", () => {
    expect(llama.pieces("Hello 🜁\n")).toEqual(["<s>", " Hello", " ", "<0xF0>", "<0x9F>", "<0x9C>", "<0x81>", "\n"]);
    expect(llama.pieces([2, 15043])).toEqual(["</s>", " Hello"]);
  });
  it("finds the one token of a text, with the space that was given and no other", () => {
    expect(llama.single("Hello")).toBe(10994);
    expect(llama.single(" Hello")).toBe(15043);
    expect(llama.single("</s>")).toBe(2);
    expect(llama.single("\n")).toBe(13);
    expect(() => llama.single("Hello world")).toThrow(/to be one token, found 2: "Hello" " world"/);
    expect(() => llama.single("")).toThrow(/found none/);
  });
  it("refuses values that are not tokens", () => {
    expect(() => llama.decode([1, 32000])).toThrow(/tokens from 0 to 31999, received 32000 at 1/);
    expect(() => llama.pieces([1.5])).toThrow(/received 1.5 at 0/);
  });
});
