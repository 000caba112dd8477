/**
 * The windows of a corpus. The text is tokenised as a whole, with BOS where the vocabulary has it and special texts as plain text, then cut
 * into windows that do not overlap; the rest at the end is not used. Where the vocabulary has BOS, it replaces the first token of each
 * window. The second half of a window is scored: rows W/2 to W-2 predict the tokens after them, 255 of 512. This is what llama.cpp's
 * perplexity tool does, so that numbers can be compared.
 *
 * The text is read and tokenised in slices, no further than `maxTokens` needs, without blocking the JavaScript thread. The hash is of the
 * whole file, computed from the bytes that were read.
 */
import { createHash, type Hash } from "node:crypto";
import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { throwIfAborted } from "../abort.js";
import { checkCount } from "../check.js";
import { LabError } from "../errors.js";
import { encodeSlices, type Slices, type Token, type Tokenizer } from "../tokenizer/index.js";
import { Turns } from "../turns.js";
import type { Corpus } from "./corpus.js";

export interface Windows {
  /** Tokens of each window. */
  readonly list: readonly Int32Array[];
  readonly size: number;
  /** Rows from `first` to size - 2 predict a token that is scored. */
  readonly first: number;
  readonly bos: boolean;
  /** Of the whole text, in hexadecimal. */
  readonly sha256: string;
  /** UTF-8 bytes of the token at a position of a window. */
  bytesAt(window: number, position: number): number;
}

/** Bytes of the text that are tokenised at once; a stop or another call waits only for a small part of it. */
const SLICE = 2 ** 15;
/** Bytes read at once of the rest of a file, which is only hashed. */
const REST = 2 ** 20;

export const firstScored = (size: number): number => Math.floor(size / 2);

export function windowSize(option: number | undefined, context: number): number {
  checkCount("window", option, 4, context);
  return option ?? Math.min(512, context);
}

/**
 * Reads and tokenises a corpus.
 * @throws LabError bad-file (no such file, not a regular file, not UTF-8, changed while it was read), invalid-option where the text is shorter
 * than a window, out-of-memory, aborted
 * @param turn milliseconds of work before other callers get the JavaScript thread
 */
export async function windowsOf(
  on: Corpus,
  tokenizer: Tokenizer,
  size: number,
  signal: AbortSignal | undefined,
  turn?: number,
): Promise<Windows> {
  const cutter = new Cutter(on, tokenizer, size, signal, turn);
  const sha256 = on.text === undefined ? await fromFile(on, cutter, signal) : await fromText(on.text, cutter, signal);
  const list = cutter.windows();
  const bos = tokenizer.addsBos && tokenizer.bos !== null;
  const lengths = new Map<Token, number>();
  const bytesOf = (token: Token): number => {
    let bytes = lengths.get(token);
    if (bytes === undefined) {
      bytes = tokenBytes(tokenizer, token);
      lengths.set(token, bytes);
    }
    return bytes;
  };
  return { list, size, first: firstScored(size), bos, sha256, bytesAt: (w, position) => bytesOf(list[w]![position]!) };
}

/** UTF-8 bytes of a token's piece; pieces that are not text by themselves are written `<0xE4>`, one for each byte. */
function tokenBytes(tokenizer: Tokenizer, token: Token): number {
  const piece = tokenizer.pieces([token])[0]!;
  return /^(<0x[0-9A-F]{2}>)+$/.test(piece) ? piece.length / 6 : Buffer.byteLength(piece, "utf8");
}

/** Text in, windows out. */
class Cutter {
  readonly #on: Corpus;
  readonly #size: number;
  readonly #turns: Turns;
  readonly #bos: Token | undefined;
  readonly #slices: Slices;
  readonly #list: Int32Array[] = [];
  #window: Int32Array;
  #count = 0;
  /** When other callers last got the JavaScript thread. */

  constructor(on: Corpus, tokenizer: Tokenizer, size: number, signal: AbortSignal | undefined, turn?: number) {
    this.#turns = new Turns(signal, turn);
    this.#on = on;
    this.#size = size;
    this.#bos = tokenizer.addsBos && tokenizer.bos !== null ? tokenizer.bos : undefined;
    this.#slices = encodeSlices(tokenizer, { special: false });
    this.#window = new Int32Array(size);
  }

  /** Whether no more text is needed. */
  get full(): boolean {
    return this.#on.maxTokens !== undefined && this.#count >= this.#on.maxTokens;
  }

  /** Tokenises a piece of the text (whole characters), yielding the thread now and then. `last`: it is the last piece. */
  async take(text: string, last: boolean): Promise<void> {
    if (this.full) return;
    this.#slices.add(text);
    for (const _ of this.#slices.steps(last)) {
      this.#collect();
      if (this.full) return;
      await this.turn();
    }
    this.#collect();
    await this.turn();
  }

  turn(): Promise<void> {
    return this.#turns.next();
  }

  #collect(): void {
    const { out } = this.#slices;
    for (const token of out) {
      if (this.full) break;
      const at = this.#count++ % this.#size;
      this.#window[at] = at === 0 && this.#bos !== undefined ? this.#bos : token;
      if (at < this.#size - 1) continue;
      this.#list.push(this.#window);
      this.#window = new Int32Array(this.#size);
    }
    out.length = 0;
  }

  windows(): readonly Int32Array[] {
    if (this.#list.length > 0) return this.#list;
    const { name } = this.#on;
    const limit = this.full ? ", as maxTokens says" : "";
    const longer = this.full ? "a larger maxTokens" : "a longer text";
    const shorter = this.#count >= 4 ? `, or { window: ${this.#count} } or less` : "";
    throw new LabError(
      "invalid-option",
      `corpus ${name} has ${this.#count} tokens${limit}; a window needs ${this.#size}; use ${longer}${shorter}`,
    );
  }
}

async function fromText(text: string, cutter: Cutter, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash("sha256");
  throwIfAborted(signal);
  for (let at = 0; at < text.length; ) {
    let to = Math.min(at + SLICE, text.length);
    // The halves of a surrogate pair stay together.
    if (/^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(to - 1, to + 1))) to++;
    const part = text.slice(at, to);
    hash.update(part, "utf8");
    await cutter.take(part, false);
    await cutter.turn();
    at = to;
  }
  await cutter.take("", true);
  return hash.digest("hex");
}

async function fromFile(on: Corpus, cutter: Cutter, signal: AbortSignal | undefined): Promise<string> {
  throwIfAborted(signal);
  const file = await opened(on);
  try {
    const before = await file.stat({ bigint: true });
    if (!before.isFile()) throw unreadable(on, `it is ${kindOf(before)}, not a regular file`);
    const hash = createHash("sha256");
    let at = await tokenised(file, on, cutter, hash);
    const rest = Buffer.allocUnsafe(REST);
    for (;;) {
      const { bytesRead } = await read(file, rest, at, on);
      if (bytesRead === 0) break;
      hash.update(rest.subarray(0, bytesRead));
      at += bytesRead;
      await cutter.turn();
    }
    const after = await file.stat({ bigint: true });
    if (after.size !== before.size || after.mtimeNs !== before.mtimeNs || BigInt(at) !== before.size)
      throw new LabError("bad-file", `corpus ${on.path} changed while it was read; measure again`);
    return hash.digest("hex");
  } finally {
    await file.close();
  }
}

/** Reads what the windows need; gives the bytes read. */
async function tokenised(file: FileHandle, on: Corpus, cutter: Cutter, hash: Hash): Promise<number> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const decode = (bytes?: Uint8Array): string => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined });
    } catch {
      throw new LabError("bad-file", `corpus ${on.path} is not UTF-8 text; convert it first`);
    }
  };
  const slice = Buffer.allocUnsafe(SLICE);
  for (let at = 0; ; ) {
    if (cutter.full) return at;
    const { bytesRead } = await read(file, slice, at, on);
    const bytes = slice.subarray(0, bytesRead);
    hash.update(bytes);
    at += bytesRead;
    if (bytesRead === 0) {
      await cutter.take(decode(), true);
      return at;
    }
    await cutter.take(decode(bytes), false);
  }
}

async function read(file: FileHandle, into: Buffer, at: number, on: Corpus): Promise<{ readonly bytesRead: number }> {
  try {
    return await file.read(into, 0, into.length, at);
  } catch (error) {
    throw unreadable(on, (error as Error).message, error);
  }
}

/** Opens without waiting for a writer, so that a pipe is refused at once. */
async function opened(on: Corpus): Promise<FileHandle> {
  try {
    return await open(on.path!, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENAMETOOLONG" && code !== "ENOTDIR") throw unreadable(on, message, error);
    throw unreadable(
      on,
      'there is no such file. corpus takes the path of a text file; to measure a text itself: corpus.text("…")',
      error,
    );
  }
}

const unreadable = (on: Corpus, why: string, cause?: unknown): LabError =>
  new LabError("bad-file", `corpus ${on.path} cannot be read: ${why}`, { cause });

function kindOf(stat: BigIntStats): string {
  if (stat.isDirectory()) return "a folder";
  if (stat.isFIFO()) return "a pipe";
  return stat.isSocket() ? "a socket" : "a device";
}
