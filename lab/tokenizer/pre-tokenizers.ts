/**
 * Pre-tokenizers: how a text is cut into words before merging, by the name in tokenizer.ggml.pre. Each is a list of regular expressions, as
 * llama.cpp has them: the first cuts the text, the next cut its words; what an expression does not match is a word too. They are written over the
 * classes of code-points.ts.
 */
import { LabError, nearest } from "../errors.js";
import { type Classes, generalClasses, lettersAre } from "./code-points.js";

export interface PreRule {
  readonly expression: RegExp;
  readonly classes: Classes;
}
export interface PreTokenizer {
  readonly name: string;
  readonly rules: readonly PreRule[];
  /** A word that is a piece is that token, whatever merges would give. */
  readonly ignoreMerges: boolean;
  /** Where the file has no key for it. */
  readonly addBos: boolean;
  /** Whether every character is matched by an expression, so that a word never continues past whitespace that follows a letter, number or sign. */
  readonly complete: boolean;
}

// What goes between brackets.
const s = "\\t-\\r ";
const L = "A-Za-z\\xd2";
const N = "0-9\\xd1";
const M = "\\xd4";
const P = "!-#%-*,-\\/:;?@\\[-\\]_{}\\xd3";
const S = "$+<=>\\^`|~\\xd5";

const rule = (source: string, classes = generalClasses): PreRule => ({ expression: new RegExp(source, "g"), classes });

const ENDINGS = "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]";
const SPACES = `[${s}]+(?![^${s}])|[${s}]+`;
const LINES = `[${s}]*[\\r\\n]+|${SPACES}`;
const gpt2 = rule(`'s|'t|'re|'ve|'m|'ll|'d| ?[${L}]+| ?[${N}]+| ?[^${s}${L}${N}]+|${SPACES}`);
/** Llama 3's and those that differ from it in how many digits make a word. */
const words = (digits: string, endings = `${ENDINGS}|`, tail = `[\\r\\n]*|${LINES}`) =>
  rule(`${endings}[^\\r\\n${L}${N}]?[${L}]+|[${N}]${digits}| ?[^${s}${L}${N}]+${tail}`);
const digit = rule(`[${N}]`);
const digits3 = rule(`[${N}]{1,3}`);
const HAN_KANA = lettersAre("\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff");
const HAN_HANGUL = lettersAre("\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff");
const han = (classes: Classes) => rule("\\xd2+", classes);
const line = rule("[\\r\\n]");
/** Words by their capitals. Letters that are not ASCII count as both. */
const upper = `(?:(?![a-z])[${L}])`;
const lower = `(?:(?![A-Z])[${L}])`;
const cased = (endings: string, digits: string) =>
  rule(
    `[^\\r\\n${L}${N}]?${upper}*${lower}+${endings}|[^\\r\\n${L}${N}]?${upper}+${lower}*${endings}|[${N}]${digits}| ?[^${s}${L}${N}]+[\\r\\n\\/]*|${LINES}`,
  );
const ASCII_SIGNS = "[!\"#$%&'()*+,\\-.\\/:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+";
const marked = rule(`${ASCII_SIGNS}|[^\\r\\n${L}${P}${S}]?[${L}${M}]+| ?[${P}${S}]+[\\r\\n]*|${LINES}`);
const bloom = rule(" ?[^(\\t-\\r |.,!?\\xd2)]+", lettersAre("\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c"));
const DEEPSEEK_LETTERS = [
  "\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376\u0377",
  "\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556",
  "\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a",
  "\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4",
  "\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc",
  "\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f",
  "\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b",
  "\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a",
  "\u{10400}-\u{1044f}\u{104b0}-\u{104d3}\u{104d8}-\u{104fb}\u{10c80}-\u{10cb2}\u{10cc0}-\u{10cf2}",
  "\u{118a0}-\u{118df}\u{1e900}-\u{1e943}",
].join("");

interface Family {
  readonly names: readonly string[];
  readonly rules: readonly PreRule[];
  readonly ignoreMerges?: true;
  readonly addBos?: true;
  readonly incomplete?: true;
}
const qwen2 = words("");
const llama3 = words("{1,3}");
const FAMILIES: readonly Family[] = [
  { names: ["default"], rules: [rule(`[${P}$+<=>\\^~|]+`), gpt2, rule(`[${N}]+`), rule("[0-9][0-9][0-9]")] },
  {
    names: ["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"],
    rules: [llama3],
    ignoreMerges: true,
    addBos: true,
  },
  { names: ["dbrx", "smaug-bpe", "chatglm-bpe", "glm4"], rules: [llama3] },
  { names: ["qwen2", "deepseek-r1-qwen", "kormo", "megrez", "hunyuan", "solar-open", "stablelm2", "grok-2"], rules: [qwen2] },
  {
    names: ["qwen35"],
    rules: [rule(`${ENDINGS}|[^\\r\\n${L}${N}]?[${L}${M}]+|[${N}]| ?[^${s}${L}${M}${N}]+[\\r\\n]*|${LINES}`)],
  },
  {
    names: ["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"],
    rules: [digit, gpt2],
  },
  { names: ["gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "exaone4", "gigachat", "a.x-4.0", "mellum"], rules: [gpt2] },
  { names: ["falcon"], rules: [rule(`[${P}$+<=>\\^~|\`]+`), gpt2, rule("[0-9][0-9][0-9]")] },
  { names: ["minicpm5"], rules: [digits3, words("+")], ignoreMerges: true },
  { names: ["tekken"], rules: [cased("", "")], ignoreMerges: true, addBos: true },
  { names: ["gpt-4o", "llama4", "kanana2", "minimax-m2"], rules: [cased(`(?:${ENDINGS})?`, "{1,3}")] },
  { names: ["deepseek-v3", "hunyuan-dense"], rules: [digits3, han(HAN_KANA), marked] },
  { names: ["seed-coder"], rules: [rule(`${ENDINGS}|[^\\r\\n${L}${N}]?[${L}]+|[${N}]| ?[^${s}${L}${N}\\r\\n]+|${LINES}`)] },
  {
    names: ["deepseek-llm"],
    rules: [
      line,
      rule(`[${s}]?[A-Za-z\\xd2]+`, lettersAre(DEEPSEEK_LETTERS)),
      rule(`[${s}]?[!-\\/:-~\\xd2]+`, lettersAre("\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002")),
      rule(`[${s}]+$`),
      han(HAN_HANGUL),
      rule(`[${N}]+`),
    ],
    incomplete: true,
  },
  {
    names: ["deepseek-coder"],
    rules: [line, rule(`[${s}]?[${L}]+`), rule(`[${s}]?[${P}]+`), han(HAN_HANGUL), digit],
    incomplete: true,
  },
  { names: ["bloom", "poro-chat", "gpt3-finnish"], rules: [bloom], incomplete: true },
  { names: ["viking"], rules: [bloom, digit], incomplete: true },
];

const byName = new Map<string, PreTokenizer>();
for (const { names, rules, ignoreMerges = false, addBos = false, incomplete = false } of FAMILIES)
  for (const name of names) byName.set(name, { name, rules, ignoreMerges, addBos, complete: !incomplete });

/** The names that are known, by family. */
export const preTokenizerNames: readonly string[] = [...byName.keys()];

const KEY = "tokenizer.ggml.pre";

/** @throws LabError unsupported-model for an unknown name, and where the file names none. */
export function preTokenizer(name: string | undefined): PreTokenizer {
  const found = name === undefined ? undefined : byName.get(name);
  if (found) return found;
  const known = `Known: ${preTokenizerNames.join(", ")}`;
  if (name === undefined) {
    throw new LabError(
      "unsupported-model",
      `${KEY} is missing: the file does not say how a text is cut before its characters are merged, and another way gives other tokens. Convert the model again, or add the key (gguf_new_metadata.py --pre-tokenizer NAME). ${known}`,
    );
  }
  const near = nearest(name, preTokenizerNames);
  throw new LabError(
    "unsupported-model",
    `${KEY}: pre-tokenizer ${JSON.stringify(name)} is not supported.${near ? ` Did you mean "${near}"?` : ""} ${known}`,
  );
}
