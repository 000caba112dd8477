/**
 * Makes test/golden/tokenizer/byte-level.*: token ids that llama.cpp itself gives (through node-llama-cpp) for byte-level BPE, with each
 * pre-tokenizer that the lab knows.
 *
 *   npm run build && node test/golden/make_byte_level.mjs
 *
 * The vocabulary is the beginning of GPT-2's, with a few special pieces; only the name of the pre-tokenizer changes.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { preTokenizerNames } from "../../dist/lab/tokenizer/pre-tokenizers.js";
import { readGguf, strings, writeGguf } from "../../dist/test/support/gguf.js";
import { folder, llama, models, source } from "./node_llama_cpp.mjs";
import { tokenizerTexts } from "./tokenizer_texts.mjs";

const MERGES = 4000;
const NORMAL = 1;
const CONTROL = 3;
const USER_DEFINED = 4;
const out = join(import.meta.dirname, "tokenizer");

// ── The vocabulary ────────────────────────────────────────────────────────────────
const { metadata } = readGguf(join(models, "ggml-vocab-gpt-2.gguf"));
const list = (key) => strings(metadata.get(`tokenizer.ggml.${key}`).value).map((bytes) => new TextDecoder().decode(bytes));
const extra = [
  ["<|endoftext|>", CONTROL],
  ["<|im_start|>", CONTROL],
  ["<|im_end|>", CONTROL],
  ["<tool>", USER_DEFINED],
  ["<tool><tool>", CONTROL],
  ["\n\n", USER_DEFINED],
  // Words that no merge gives: those who ignore merges find them.
  ["Ġtokenizers", NORMAL],
  ["Ġnaïve", NORMAL],
];
// Merges over places where some pre-tokenizers cut and others do not: without them the ids would be the same.
const crossing = ["o W", "l H", "o H", "É c", "Ċ /", "! Ċ", ". Ċ", "1 2", "12 3", "3 4", "Ġ 1", "' L", "' V", "' S", "' s", "Ġ Ġ", "Ġ ĠĠ", "/ Ċ", "Ã Ĩ", ") Ċ", "a 1", "Ċ Ċ", "ĊĊ Ċ", "Ċ Ġ", "Ġ Ċ", "_ 1", "ÌĤ Ġ", "Ã Ĺ", ", Ġ"];
const tokens = [...list("tokens").slice(0, 256 + MERGES), ...new Set([...extra.map(([text]) => text), ...crossing.map((pair) => pair.replace(" ", ""))])].filter((text, i, all) => i < 256 + MERGES || !all.slice(0, 256 + MERGES).includes(text));
const types = tokens.map((text) => new Map(extra).get(text) ?? NORMAL);
const end = tokens.indexOf("<|endoftext|>");
const vocabulary = (pre) =>
  writeGguf({
    metadata: new Map([
      ["general.architecture", { type: "string", value: "gpt2" }],
      ...["context_length", "embedding_length", "block_count", "feed_forward_length", "attention.head_count"].map((key) => [`gpt2.${key}`, { type: "u32", value: 1 }]),
      ["gpt2.attention.layer_norm_epsilon", { type: "f32", value: 1e-5 }],
      ["tokenizer.ggml.model", { type: "string", value: "gpt2" }],
      ["tokenizer.ggml.pre", { type: "string", value: pre }],
      ["tokenizer.ggml.tokens", { type: "strings", value: tokens }],
      ["tokenizer.ggml.token_type", { type: "numbers", element: "i32", value: types }],
      ["tokenizer.ggml.merges", { type: "strings", value: [...list("merges").slice(0, MERGES), ...crossing] }],
      ["tokenizer.ggml.bos_token_id", { type: "u32", value: end }],
      ["tokenizer.ggml.eos_token_id", { type: "u32", value: end }],
    ]),
  });
writeFileSync(join(out, "byte-level.gguf.gz"), gzipSync(vocabulary("gpt-2"), { level: 9 }));

// ── Ids ───────────────────────────────────────────────────────────────────────────
const texts = [
  ...tokenizerTexts(models),
  "I'm sure they'Ll say we'VE done it, don'T you'D 'em 'S'd 'rE ''s 're",
  "tokenizers naïve  tokenizers\ttokenizers", "<|im_start|>user\nHi<|im_end|>\n", "x<tool><tool>y<tool>", "a\n\nb\n\n\nc \n\n d",
  "12 1234 12345678 1234567890123 ١٢٣٤٥ 一二三 ⅷ½²", "HelloWorld helloWORLD ÉCOLEécole iPhone XMLHttpRequest", "HoloHello ololo foo!\nbar.\n/x )\n/ 1234a1 _1 x,  y\n\n z !/\n/", "a/b//c /\n/x !\n//\n",
  "。\n「你好」,世界!\n\nそうです。 \n안녕 세상", "\u0085next\u2028line\u3000wide\ufeffmark\u00a0hard", "ſ's K'S İ'd ǅungla Ǆ",
  "e\u0301\u0302 क्षि กำ \u0300start", "€5 £6 ¥ 7 © ® ™ + − × ÷ = ≠", "$x^2 + y_1 = {a|b}~`c`\\d", "\u{10ffff}\u{e000}\u0378 \u{2ebf0}",
];
const cases = [];
const seen = new Map();
for (const pre of preTokenizerNames) {
  const path = join(folder, "byte-level.gguf");
  writeFileSync(path, vocabulary(pre));
  const model = await llama.loadModel({ modelPath: path, vocabOnly: true });
  const ids = (special) => texts.map((text) => model.tokenize(text, special));
  const given = { bos: model.tokens.shouldPrependBosToken, plain: ids(false), special: ids(true) };
  await model.dispose();
  const key = JSON.stringify(given);
  const same = seen.get(key);
  if (same) cases.push({ pre, same });
  else cases.push({ pre, ...given });
  if (!same) seen.set(key, pre);
  console.log(pre, same ? `as ${same}` : `${given.plain.flat().length} ids`);
}
writeFileSync(join(out, "byte-level.json.gz"), gzipSync(JSON.stringify({ source, texts, cases }), { level: 9 }));
console.log(`${texts.length} texts, ${cases.length} pre-tokenizers`);
await llama.dispose();
