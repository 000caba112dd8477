/**
 * Byte-level BPE with llama.cpp's ids: a pre-tokenizer cuts a text into words, each word is written byte by byte (byte-level.ts), and neighbours
 * merge pair by pair, the pair that stands first in the file's list of merges before others (ties: the leftmost).
 */
import { LabError } from "../errors.js";
import { checkMemory } from "../runtime/memory.js";
import { writtenBytes } from "./byte-level.js";
import { BYTES_PER_UNIT, MergeRun, type Pairs, unitLength } from "./merge-run.js";
import type { PartEncoder } from "./part-encoder.js";
import type { PreTokenizer } from "./pre-tokenizers.js";
import { type Token, textOf, type Vocabulary } from "./vocabulary.js";
import { eachWord, wordsEndAt } from "./words.js";

/** Characters or merges between two yields. */
const STEP = 1024;
/** Words of at most this many bytes are remembered, and so many of them. */
const SHORT = 64;
const MOST_WORDS = 2 ** 14;

export class BytePairs implements PartEncoder {
  readonly #vocabulary: Vocabulary;
  readonly #pre: PreTokenizer;
  readonly #merges: Pairs;
  readonly #short: MergeRun;
  /** The tokens of words that were encoded before. */
  readonly #known = new Map<string, readonly Token[]>();

  /** @param ranks of "left right", as the file writes them */
  constructor(vocabulary: Vocabulary, pre: PreTokenizer, ranks: ReadonlyMap<string, number>) {
    this.#vocabulary = vocabulary;
    this.#pre = pre;
    this.#merges = {
      longest: Number.POSITIVE_INFINITY,
      score: (text, from, middle, to) => {
        const rank = ranks.get(`${text.slice(from, middle)} ${text.slice(middle, to)}`);
        return rank === undefined ? undefined : -rank;
      },
    };
    this.#short = new MergeRun(this.#merges);
  }

  written(text: string): string {
    return writtenBytes(text);
  }

  cutsAt(text: string, at: number): boolean {
    return wordsEndAt(text, at, this.#pre);
  }

  *steps(text: string, _prefix: boolean, out: Token[]): Generator<void, void, void> {
    yield* eachWord(text, this.#pre, (word) => {
      if (word.length > STEP) return this.#long(word, out);
      for (const token of this.#tokens(word)) out.push(token);
      return undefined;
    });
  }

  /** The tokens of a short word. */
  #tokens(word: string): readonly Token[] {
    const known = this.#known.get(word);
    if (known) return known;
    const written = writtenBytes(word);
    const tokens: Token[] = [];
    const whole = this.#pre.ignoreMerges ? this.#vocabulary.ids.get(written) : undefined;
    if (whole !== undefined) tokens.push(whole);
    else {
      const run = this.#short;
      run.begin(written, 0, written.length, word.length);
      run.setUp(word.length);
      run.merge(Number.POSITIVE_INFINITY);
      run.emit(Number.POSITIVE_INFINITY, (symbol) => this.#emit(symbol, tokens));
    }
    if (word.length <= SHORT) {
      if (this.#known.size === MOST_WORDS) this.#known.clear();
      this.#known.set(word, tokens);
    }
    return tokens;
  }

  *#long(word: string, out: Token[]): Generator<void, void, void> {
    const bytes = word.length * BYTES_PER_UNIT;
    if (bytes > 2 ** 24)
      checkMemory(
        [{ what: `tokenising a word of ${word.length} bytes`, bytes }],
        "Put spaces or line ends into the text, or use a shorter one",
      );
    const parts: string[] = [];
    for (let at = 0; at < word.length; at += STEP) {
      parts.push(writtenBytes(word.slice(at, at + STEP)));
      yield;
    }
    const written = parts.join("");
    const whole = this.#pre.ignoreMerges ? this.#vocabulary.ids.get(written) : undefined;
    if (whole !== undefined) {
      out.push(whole);
      return;
    }
    const run = new MergeRun(this.#merges);
    run.begin(written, 0, written.length, word.length);
    while (!run.setUp(STEP)) yield;
    while (!run.merge(STEP / 2)) yield;
    while (!run.emit(STEP, (symbol) => this.#emit(symbol, out))) yield;
  }

  /** A symbol's token, or those of its bytes. */
  #emit(symbol: string, out: Token[]): void {
    const { ids } = this.#vocabulary;
    const token = ids.get(symbol);
    if (token !== undefined) {
      out.push(token);
      return;
    }
    for (let at = 0; at < symbol.length; ) {
      const to = at + unitLength(symbol.charCodeAt(at));
      const byte = ids.get(symbol.slice(at, to));
      if (byte === undefined) {
        throw new LabError(
          "bad-file",
          `tokenizer.ggml.tokens: expected a piece ${JSON.stringify(textOf(symbol.slice(at, to)))} for that byte, needed for ${JSON.stringify(textOf(symbol))}, which is not a piece itself; found none. This vocabulary cannot encode the text`,
        );
      }
      out.push(byte);
      at = to;
    }
  }
}
