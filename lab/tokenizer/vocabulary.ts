/**
 * The vocabulary of a model file, checked: pieces as the file's own bytes, scores, and what kind each piece is.
 * A piece is held as a byte string (one UTF-16 unit per byte, "latin1"): vocabulary text may be any bytes, and string maps are fast.
 * Kinds are settled as llama.cpp settles them, because its ids are the reference: a few texts count as control pieces whatever type
 * the file gives them.
 */
import { LabError } from "../errors.js";
import { describeValue } from "../metadata.js";
import type { FileTable, NumberArray, StringTable } from "../native.js";

/** The number of a piece of the vocabulary. */
export type Token = number;

/** Kinds of pieces; a piece can have several (a user-defined `</s>` is a control piece too). */
export const kind = { normal: 1, unknown: 2, control: 4, userDefined: 8, unused: 16, byte: 32 } as const;
/** tokenizer.ggml.token_type -> kind; any other number is treated as plain text. */
const KIND_OF_TYPE: readonly number[] = [0, kind.normal, kind.unknown, kind.control, kind.userDefined, kind.unused, kind.byte];

/** Ends of a turn or of the text: control pieces for llama.cpp whatever their type, and generation stops there. */
const ENDS = [
  "<|eot_id|>",
  "<|im_end|>",
  "<|end|>",
  "<|return|>",
  "<|call|>",
  "<|flush|>",
  "<|calls|>",
  "<end_of_turn>",
  "<|endoftext|>",
  "</s>",
  "<|eom_id|>",
  "<EOT>",
  "_<EOT>",
  "[EOT]",
  "[EOS]",
  "<|end_of_text|>",
  "<end_of_utterance>",
  "<eos>",
  "<turn|>",
  "<|tool_response>",
  "<｜end▁of▁sentence｜>",
  "[e~[",
];
/** Fill-in-the-middle pieces, likewise control, where the file does not name the piece by one of the keys. */
const INFILL: readonly (readonly [keys: readonly string[], ends: boolean, texts: readonly string[]])[] = [
  [
    ["fim_pre_token_id", "prefix_token_id"],
    false,
    ["<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>", "<|code_prefix|>", "<|prefix|>"],
  ],
  [
    ["fim_suf_token_id", "suffix_token_id"],
    false,
    ["<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>", "<|code_suffix|>", "<|suffix|>"],
  ],
  [
    ["fim_mid_token_id", "middle_token_id"],
    false,
    ["<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>", "<|code_middle|>", "<|middle|>"],
  ],
  [["fim_pad_token_id"], true, ["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"]],
  [["fim_rep_token_id"], true, ["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"]],
  [["fim_sep_token_id"], true, ["<|file_sep|>"]],
];
/** Pieces that llama.cpp always makes user-defined. */
const ALWAYS_SHOWN = ["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"];

export interface Vocabulary {
  readonly size: number;
  /** Piece i as a byte string; an empty one is called [EMPTY_i], as in llama.cpp. */
  readonly texts: readonly string[];
  readonly ids: ReadonlyMap<string, Token>;
  readonly scores: Float32Array;
  /** Sums of `kind`. */
  readonly kinds: Uint8Array;
  /** The piece of byte b, or -1 where the vocabulary has none. */
  readonly byteTokens: Int32Array;
  /** The byte of piece i, or -1. */
  readonly byteOf: Int16Array;
  readonly bos: Token | null;
  readonly eos: Token | null;
  /** Pieces after which nothing follows: eos and the ends of a turn. */
  readonly ends: ReadonlySet<Token>;
  readonly addBos: boolean;
  readonly addEos: boolean;
  /** A text fragment gets one space in front. */
  readonly addSpacePrefix: boolean;
  readonly name: string;
  readonly chatTemplate: string | null;
}

const PREFIX = "tokenizer.ggml.";
const INTEGERS: readonly string[] = ["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64"];
/** -1 as a token id: how llama.cpp writes that there is none. */
const NO_TOKEN: readonly number[] = [2 ** 32 - 1, -1];

/** Text as a byte string. */
export const byteString = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
/** A byte string as text; invalid UTF-8 becomes U+FFFD. */
export const textOf = (bytes: string): string =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.from(bytes, "latin1"));

const bad = (key: string, expected: string, received: string): LabError =>
  new LabError("bad-file", `${key}: expected ${expected}, found ${received}`);

/** Reads of optional keys that refuse a wrong type instead of passing over it. */
class Keys {
  constructor(private readonly file: FileTable) {}
  text(key: string): string | undefined {
    const value = this.file.metadata.get(key);
    if (value && value.type !== "string") throw bad(key, "a string", describeValue(value));
    return value?.value;
  }
  flag(key: string): boolean | undefined {
    const value = this.file.metadata.get(key);
    if (!value || value.type === "bool") return value?.value;
    // Some converters write 0 and 1, in an integer of some width.
    const number = this.whole(key);
    if (number !== 0 && number !== 1) {
      throw bad(key, "true or false", number === undefined ? describeValue(value) : `${number}`);
    }
    return number === 1;
  }
  /** An integer of any width; undefined where the key is absent. */
  integer(key: string): number | undefined {
    const number = this.whole(key);
    if (number === undefined && this.file.metadata.has(key)) {
      throw bad(key, "a whole number", describeValue(this.file.metadata.get(key)));
    }
    return number;
  }
  private whole(key: string): number | undefined {
    const value = this.file.metadata.get(key);
    return value && INTEGERS.includes(value.type) ? Number((value as { readonly value: number | bigint }).value) : undefined;
  }
  strings(key: string): StringTable {
    const value = this.file.metadata.get(key);
    if (value?.type !== "strings") throw bad(key, "an array of strings", describeValue(value));
    return value.value;
  }
  /** An array of exactly `count` numbers, or undefined where the key is absent. */
  numbers(key: string, what: string, elements: readonly string[], count: number): NumberArray | undefined {
    const value = this.file.metadata.get(key);
    if (!value) return undefined;
    if (value.type !== "numbers" || !elements.includes(value.element)) {
      throw bad(key, `an array of ${what}`, describeValue(value));
    }
    if (value.value.length !== count) {
      throw bad(key, `${count} values, one for each of ${PREFIX}tokens`, `${value.value.length}`);
    }
    return value.value;
  }
}

/**
 * The vocabulary in a file's metadata. Reads only the metadata, so a file that holds nothing but a vocabulary will do.
 * @throws LabError bad-file (naming the key, what was expected and what was found), unsupported-model for another kind of tokenizer.
 */
export function readVocabulary(file: FileTable): Vocabulary {
  // 1. The kind of tokenizer.
  const keys = new Keys(file);
  const model = keys.text(`${PREFIX}model`);
  if (model === undefined) throw bad(`${PREFIX}model`, `"llama"`, `no such key: ${file.path} carries no tokenizer`);
  if (model !== "llama") {
    throw new LabError(
      "unsupported-model",
      `${PREFIX}model: tokenizer ${JSON.stringify(model)} is not supported. Supported: "llama" (SentencePiece, as in Llama 2, ProSparse, ReluLLaMA and MiniCPM)`,
    );
  }

  // 2. Pieces.
  const table = keys.strings(`${PREFIX}tokens`);
  const size = table.offsets.length - 1;
  if (size < 1) throw bad(`${PREFIX}tokens`, "at least one piece", "an empty array");
  checkRows(file, size);
  const bytes = Buffer.from(table.bytes.buffer, table.bytes.byteOffset, table.bytes.byteLength);
  const texts: string[] = new Array(size);
  const ids = new Map<string, Token>();
  for (let i = 0; i < size; i++) {
    const text = bytes.toString("latin1", table.offsets[i]!, table.offsets[i + 1]!) || `[EMPTY_${i}]`;
    const twin = ids.get(text);
    if (twin !== undefined)
      throw bad(`${PREFIX}tokens`, "every piece once", `${JSON.stringify(textOf(text))} as pieces ${twin} and ${i}`);
    texts[i] = text;
    ids.set(text, i);
  }

  // 3. Scores and kinds.
  const scored = keys.numbers(`${PREFIX}scores`, "numbers", [...INTEGERS, "f32", "f64"], size);
  const scores = Float32Array.from({ length: size }, (_, i) => Number(scored?.[i] ?? 0));
  const broken = scores.findIndex((score) => Number.isNaN(score));
  if (broken >= 0) throw bad(`${PREFIX}scores`, "numbers", `NaN for piece ${broken}`);
  const types = keys.numbers(`${PREFIX}token_type`, "integers", INTEGERS, size);
  const kinds = Uint8Array.from({ length: size }, (_, i) => (types ? (KIND_OF_TYPE[Number(types[i]!)] ?? 0) : kind.normal));

  // 4. Special tokens, and those that end a text.
  const id = (name: string): Token | undefined => {
    const key = `${PREFIX}${name}_token_id`;
    const value = keys.integer(key);
    if (value === undefined || NO_TOKEN.includes(value)) return undefined;
    if (value < 0 || value >= size) throw bad(key, `a piece, 0 to ${size - 1}`, `${value}`);
    return value;
  };
  const usual = (token: Token): Token | null => (token < size ? token : null);
  const namedEos = id("eos");
  const bos = id("bos") ?? usual(1);
  const eos = namedEos ?? usual(2);
  // <unk> is not used here, but a wrong id for it means a broken vocabulary.
  id("unknown");
  const ends = new Set<Token>();
  if (namedEos !== undefined) ends.add(namedEos);
  for (const name of ["eot", "eom"]) {
    // Some files name ends of turns (and padding) beyond their own vocabulary; those tokens never occur.
    const value = keys.integer(`${PREFIX}${name}_token_id`);
    if (value !== undefined && value >= 0 && value < size) ends.add(value);
  }
  const control = (text: string): Token | undefined => {
    const token = ids.get(byteString(text));
    if (token !== undefined) kinds[token] = kinds[token]! | kind.control;
    return token;
  };
  for (const [keyNames, ending, candidates] of INFILL) {
    if (keyNames.some((name) => file.metadata.has(PREFIX + name))) continue;
    const found = candidates.map(control).filter((token) => token !== undefined);
    if (ending) for (const token of found) ends.add(token);
  }
  for (const text of ENDS) {
    const token = control(text);
    if (token !== undefined) ends.add(token);
  }
  for (const text of ALWAYS_SHOWN) {
    const token = ids.get(text);
    if (token !== undefined) kinds[token] = kind.userDefined;
  }

  // Without a key EOS is piece 2, also where that is an ordinary piece: then it ends nothing.
  if (namedEos === undefined && eos !== null && (kinds[eos]! & kind.control) !== 0) ends.add(eos);

  // 5. Pieces of single bytes.
  const byteTokens = new Int32Array(256).fill(-1);
  const byteOf = new Int16Array(size).fill(-1);
  for (let b = 0; b < 256; b++) {
    const hex = ids.get(`<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`);
    byteTokens[b] = hex ?? ids.get(String.fromCharCode(b)) ?? -1;
    if (hex !== undefined) byteOf[hex] = b;
  }

  // 6. What is added around a text.
  const addBos = keys.flag(`${PREFIX}add_bos_token`) ?? true;
  if (addBos && bos === null) {
    throw bad(`${PREFIX}bos_token_id`, `a piece, since ${PREFIX}add_bos_token is true`, `no such key, and ${size} pieces`);
  }
  const addEos = keys.flag(`${PREFIX}add_eos_token`) ?? false;
  if (addEos && eos === null) {
    throw bad(`${PREFIX}eos_token_id`, `a piece, since ${PREFIX}add_eos_token is true`, `no such key, and ${size} pieces`);
  }
  return {
    size,
    texts,
    ids,
    scores,
    kinds,
    byteTokens,
    byteOf,
    bos,
    eos,
    ends,
    addBos,
    addEos,
    addSpacePrefix: keys.flag(`${PREFIX}add_space_prefix`) ?? true,
    name: keys.text("general.name") ?? "",
    chatTemplate: keys.text("tokenizer.chat_template") ?? null,
  };
}

/** A row of the embedding for each piece: a token without a row, or a row without a piece, cannot be written as text. */
function checkRows(file: FileTable, size: number): void {
  const rows = file.embeddingRows;
  if (rows !== undefined && rows !== size) {
    throw bad(`${PREFIX}tokens`, `${rows} pieces, one for each row of the embedding`, `${size}`);
  }
}
