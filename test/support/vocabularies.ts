/**
 * Vocabularies for the tokenizer's tests: an existing one with pieces added, types changed, keys set or left out, and small ones made
 * from a list of pieces.
 */
import type { FileTable } from "../../lab/native.js";
import { type Meta, readGguf, strings, writeGguf } from "./gguf.js";

export interface VocabularyEdit {
  /** [id, text, score, type]: replaces piece id, or is appended. */
  readonly pieces?: readonly (readonly [number, string, number, number])[];
  /** [text, type] */
  readonly types?: readonly (readonly [string, number])[];
  readonly meta?: Readonly<Record<string, string | number | boolean>>;
  readonly without?: readonly string[];
}

const metaOf = (value: string | number | boolean): Meta => {
  if (typeof value === "string") return { type: "string", value };
  return typeof value === "number" ? { type: "u32", value } : { type: "bool", value };
};

/** A file that holds only a vocabulary: that of `file`, edited. */
export function editVocabulary(file: FileTable, edit: VocabularyEdit): Uint8Array {
  const metadata = new Map<string, Meta>();
  for (const [key, value] of file.metadata) {
    if (value.type === "strings") metadata.set(key, { type: "strings", value: strings(value.value) });
    else if (value.type === "numbers") metadata.set(key, { ...value, value: Array.from<number | bigint>(value.value) } as Meta);
    else if (value.type !== "unread") metadata.set(key, value);
  }
  const array = <T>(key: string): T[] => (metadata.get(`tokenizer.ggml.${key}`) as unknown as { value: T[] }).value;
  const tokens = array<Uint8Array>("tokens");
  const scores = array<number>("scores");
  const types = array<number>("token_type");
  for (const [id, text, score, type] of edit.pieces ?? []) {
    tokens[id] = new TextEncoder().encode(text);
    scores[id] = score;
    types[id] = type;
  }
  for (const [text, type] of edit.types ?? []) {
    const id = tokens.findIndex((bytes) => new TextDecoder().decode(bytes) === text);
    if (id < 0) throw new Error(`no piece ${text}`);
    types[id] = type;
  }
  for (const [key, value] of Object.entries(edit.meta ?? {})) metadata.set(key, metaOf(value));
  for (const key of edit.without ?? []) metadata.delete(key);
  return writeGguf({ metadata });
}

/** The header of a vocabulary of `pieces` [text, score, type] after <unk>, <s>, </s> and, unless `bytes` is false, the 256 bytes. */
export function smallVocabulary(
  pieces: readonly (readonly [string | Uint8Array, number, number])[],
  options: { bytes?: boolean; meta?: Readonly<Record<string, string | number | boolean>>; without?: readonly string[] } = {},
): FileTable {
  const hex = (b: number) => `<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`;
  const first: [string | Uint8Array, number, number][] = [
    ["<unk>", 0, 2],
    ["<s>", 0, 3],
    ["</s>", 0, 3],
  ];
  if (options.bytes !== false) for (let b = 0; b < 256; b++) first.push([hex(b), 0, 6]);
  const all = [...first, ...pieces];
  const metadata = new Map<string, Meta>([
    ["general.architecture", { type: "string", value: "llama" }],
    ["tokenizer.ggml.model", { type: "string", value: "llama" }],
    ["tokenizer.ggml.tokens", { type: "strings", value: all.map(([text]) => text) }],
    ["tokenizer.ggml.scores", { type: "numbers", element: "f32", value: all.map(([, score]) => score) }],
    ["tokenizer.ggml.token_type", { type: "numbers", element: "i32", value: all.map(([, , type]) => type) }],
  ]);
  for (const [key, value] of Object.entries(options.meta ?? {})) metadata.set(key, metaOf(value));
  for (const key of options.without ?? []) metadata.delete(key);
  return readGguf("small.gguf", writeGguf({ metadata }));
}
