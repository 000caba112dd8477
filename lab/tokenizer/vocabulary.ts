/**
 * The vocabulary of a model file, checked: pieces as the file's own bytes, scores, and what kind each piece is.
 * A piece is held as a byte string (one UTF-16 unit per byte, "latin1"): vocabulary text may be any bytes, and string maps are fast.
 * Kinds are settled as llama.cpp settles them, because its ids are the reference: a few texts count as control pieces whatever type
 * the file gives them.
 */
import { LabError } from "../errors.js";
import type { FileTable, StringTable } from "../native.js";
import { bad, INTEGERS, Keys, PREFIX } from "./keys.js";
import { ALWAYS_SHOWN, ENDS, INFILL } from "./known-texts.js";
import { type PreTokenizer, preTokenizer } from "./pre-tokenizers.js";

/** The number of a piece of the vocabulary. */
export type Token = number;

/** Kinds of pieces; a piece can have several (a user-defined `</s>` is a control piece too). */
export const kind = { normal: 1, unknown: 2, control: 4, userDefined: 8, unused: 16, byte: 32 } as const;
/** tokenizer.ggml.token_type -> kind; any other number is treated as plain text. */
const KIND_OF_TYPE: readonly number[] = [0, kind.normal, kind.unknown, kind.control, kind.userDefined, kind.unused, kind.byte];

/** How words are cut, and which neighbours merge. */
export interface BytePairList {
  readonly pre: PreTokenizer;
  /** The place of "left right" in the list, as byte strings; what comes first merges first. */
  readonly ranks: ReadonlyMap<string, number>;
}

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
  /** Of byte-level BPE; null where the pieces are SentencePiece's. */
  readonly bytePairs: BytePairList | null;
  readonly name: string;
  readonly chatTemplate: string | null;
}

/** Without a key BOS and EOS of a byte-level vocabulary are this piece, as in llama.cpp. */
const BYTE_LEVEL_END = 11;
/** Pieces between two yields. */
const STEP = 4096;
/** -1 as a token id: how llama.cpp writes that there is none. */
const NO_TOKEN: readonly number[] = [2 ** 32 - 1, -1];

/** Text as a byte string. */
export const byteString = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
/** A byte string as text; invalid UTF-8 becomes U+FFFD. */
export const textOf = (bytes: string): string =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.from(bytes, "latin1"));

/**
 * The vocabulary in a file's metadata, in steps. Reads only the metadata, so a file that holds nothing but a vocabulary will do.
 * @throws LabError bad-file (naming the key, what was expected and what was found), unsupported-model for another kind of tokenizer.
 */
export function* readVocabulary(file: FileTable): Generator<void, Vocabulary, void> {
  // 1. The kind of tokenizer.
  const keys = new Keys(file);
  const byteLevel = kindOfModel(file, keys);
  const pre = byteLevel ? preTokenizer(keys.text(`${PREFIX}pre`)) : null;

  // 2. Pieces.
  const table = keys.strings(`${PREFIX}tokens`);
  const size = table.offsets.length - 1;
  if (size < 1) throw bad(`${PREFIX}tokens`, "at least one piece", "an empty array");
  checkRows(file, size);
  const texts: string[] = new Array(size);
  const ids = new Map<string, Token>();
  const textAt = reader(table);
  for (let i = 0; i < size; i++) {
    if (i % STEP === STEP - 1) yield;
    const text = textAt(i) || `[EMPTY_${i}]`;
    const twin = ids.get(text);
    if (twin !== undefined)
      throw bad(`${PREFIX}tokens`, "every piece once", `${JSON.stringify(textOf(text))} as pieces ${twin} and ${i}`);
    texts[i] = text;
    ids.set(text, i);
  }
  const bytePairs = pre && { pre, ranks: yield* readMerges(keys) };

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
  const bos = id("bos") ?? usual(byteLevel ? BYTE_LEVEL_END : 1);
  const eos = namedEos ?? usual(byteLevel ? BYTE_LEVEL_END : 2);
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

  // Without a key EOS is piece 2 (11 of byte-level vocabularies), also where that is an ordinary piece: then it ends nothing.
  if (namedEos === undefined && eos !== null && (kinds[eos]! & kind.control) !== 0) ends.add(eos);

  // 5. Pieces of single bytes.
  const byteTokens = new Int32Array(256).fill(-1);
  const byteOf = new Int16Array(size).fill(-1);
  for (let b = 0; b < 256 && !byteLevel; b++) {
    const hex = ids.get(`<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`);
    byteTokens[b] = hex ?? ids.get(String.fromCharCode(b)) ?? -1;
    if (hex !== undefined) byteOf[hex] = b;
  }

  // 6. What is added around a text.
  const addBos = keys.flag(`${PREFIX}add_bos_token`) ?? (pre ? pre.addBos : true);
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
    addSpacePrefix: !byteLevel && (keys.flag(`${PREFIX}add_space_prefix`) ?? true),
    bytePairs,
    name: keys.text("general.name") ?? "",
    chatTemplate: keys.text("tokenizer.chat_template") ?? null,
  };
}

/** Whether the vocabulary is byte-level BPE; else it is SentencePiece. */
function kindOfModel(file: FileTable, keys: Keys): boolean {
  const model = keys.text(`${PREFIX}model`);
  if (model === undefined) throw bad(`${PREFIX}model`, `"llama" or "gpt2"`, `no such key: ${file.path} carries no tokenizer`);
  if (model === "llama" || model === "gpt2") return model === "gpt2";
  throw new LabError(
    "unsupported-model",
    `${PREFIX}model: tokenizer ${JSON.stringify(model)} is not supported. Supported: "llama" (SentencePiece, as in Llama 2, ProSparse, ReluLLaMA, MiniCPM and Gemma) and "gpt2" (byte-level BPE, as in Llama 3, Qwen and SmolLM)`,
  );
}

/** The list of merges. Of a pair that is listed twice the first place counts. */
function* readMerges(keys: Keys): Generator<void, ReadonlyMap<string, number>, void> {
  const table = keys.strings(`${PREFIX}merges`);
  const ranks = new Map<string, number>();
  const textAt = reader(table);
  for (let i = 0; i + 1 < table.offsets.length; i++) {
    if (i % STEP === STEP - 1) yield;
    const pair = textAt(i);
    if (pair.indexOf(" ", 1) < 0)
      throw bad(`${PREFIX}merges`, "two texts with a space between", `${JSON.stringify(textOf(pair))} as merge ${i}`);
    if (!ranks.has(pair)) ranks.set(pair, i);
  }
  return ranks;
}

/** The strings of a table, as byte strings. */
function reader({ bytes, offsets }: StringTable): (i: number) => string {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return (i) => all.toString("latin1", offsets[i]!, offsets[i + 1]!);
}

/** A row of the embedding for each piece: a token without a row, or a row without a piece, cannot be written as text. */
function checkRows(file: FileTable, size: number): void {
  const rows = file.embeddingRows;
  if (rows !== undefined && rows !== size) {
    throw bad(`${PREFIX}tokens`, `${rows} pieces, one for each row of the embedding`, `${size}`);
  }
}
