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
const HAN_KANA = lettersAre("一-龥぀-ゟ゠-ヿ");
const HAN_HANGUL = lettersAre("一-龥ࠀ-一가-퟿");
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
const bloom = rule(" ?[^(\\t-\\r |.,!?\\xd2)]+", lettersAre("…。，、।۔،"));
const DEEPSEEK_LETTERS =
  "µÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃";

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
      rule(`[${s}]?[!-\\/:-~\\xd2]+`, lettersAre("！-／：-～‘-‟　-。")),
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
