/**
 * A corpus and its windows. The text is tokenised as a whole, BOS in front as the vocabulary asks and special texts as plain text, then cut
 * into windows that do not overlap; what is left over at the end is not used. Where the vocabulary asks for BOS it replaces the first token
 * of each window. The second half of a window is scored: the rows W/2 to W-2 predict the tokens after them, 255 of 512. All of it as
 * llama.cpp's perplexity tool does, so that numbers can be held against its own.
 */
import { readFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { checkOptions, LabError } from "../errors.js";
import { checkCount } from "../model/options.js";
import type { Token, Tokenizer } from "../tokenizer/index.js";

/** A text file, tokenised as a whole, then cut into windows. */
export interface Corpus {
  readonly name: string;
  readonly path: string;
  readonly maxTokens?: number;
}

/** A plain text file in UTF-8; `maxTokens` takes only its beginning. The path is relative to the notebook's folder. */
export function corpus(path: string, options: { maxTokens?: number } = {}): Corpus {
  if (typeof path !== "string" || path === "") throw new LabError("invalid-option", "corpus needs the path of a text file");
  checkOptions("corpus", options, ["maxTokens"]);
  checkCount("maxTokens", options.maxTokens, 2);
  return Object.freeze({
    name: basename(path),
    path: resolve(path),
    ...(options.maxTokens === undefined ? {} : { maxTokens: options.maxTokens }),
  });
}

export interface Windows {
  readonly list: readonly (readonly Token[])[];
  readonly size: number;
  /** Rows from `first` to size - 2 predict a token that is scored. */
  readonly first: number;
  readonly bos: boolean;
  /** UTF-8 bytes of the token at a position of a window. */
  bytesAt(window: number, position: number): number;
}

export const firstScored = (size: number): number => Math.floor(size / 2);

export function windowSize(option: number | undefined, context: number): number {
  checkCount("window", option, 4, context);
  return option ?? Math.min(512, context);
}

export async function readText(on: Corpus): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(on.path);
  } catch (error) {
    throw new LabError("bad-file", `corpus ${on.path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new LabError("bad-file", `corpus ${on.path} is not UTF-8 text; convert it first`);
  }
}

export function cut(text: string, on: Corpus, tokenizer: Tokenizer, size: number): Windows {
  const all = tokenizer.encode(text, { special: false });
  const tokens = on.maxTokens === undefined ? all : all.slice(0, on.maxTokens);
  const count = Math.floor(tokens.length / size);
  if (count === 0) {
    const limit = on.maxTokens !== undefined && all.length > on.maxTokens ? ` (maxTokens of ${all.length})` : "";
    const longer = all.length >= size ? `{ maxTokens: ${size} } or more` : "a longer text";
    const shorter = tokens.length >= 4 ? `, or { window: ${tokens.length} }` : "";
    throw new LabError(
      "invalid-option",
      `corpus ${on.name} has ${tokens.length} tokens${limit}, a window needs ${size}; use ${longer}${shorter}`,
    );
  }
  const bos = tokenizer.addsBos && tokenizer.bos !== null;
  const list = Array.from({ length: count }, (_, w) => {
    const window = tokens.slice(w * size, (w + 1) * size);
    return bos ? [tokenizer.bos!, ...window.slice(1)] : window;
  });
  const first = firstScored(size);
  return { list, size, first, bos, bytesAt: (w, position) => tokenBytes(tokenizer, list[w]![position]!) };
}

/** UTF-8 bytes that a token stands for; pieces that are no text by themselves are shown as `<0xE4>`, one byte each. */
function tokenBytes(tokenizer: Tokenizer, token: Token): number {
  const piece = tokenizer.pieces([token])[0]!;
  return /^(<0x[0-9A-F]{2}>)+$/.test(piece) ? piece.length / 6 : Buffer.byteLength(piece, "utf8");
}
