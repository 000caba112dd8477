/**
 * The SentencePiece merge with llama.cpp's ids: neighbours are merged pair by pair, always the pair whose merged piece has the highest
 * score (ties: the leftmost), until no two neighbours form a piece. A character without a piece becomes its bytes.
 *
 * Two characters that are neighbours in no piece of the vocabulary can never end up in one token. The text is cut there first: same ids,
 * short runs, and memory that does not grow with the text. A run of n characters costs O(n log n).
 */
import { LabError } from "../errors.js";
import { checkMemory } from "../runtime/memory.js";
import { BYTES_PER_UNIT, MergeRun, type Pairs, unitLength } from "./merge-run.js";
import type { PartEncoder } from "./part-encoder.js";
import { type Token, textOf, type Vocabulary } from "./vocabulary.js";

/** The start of each character of a byte string, and the end of the string. */
export function unitStarts(text: string): number[] {
  const starts: number[] = [];
  let at = 0;
  for (; at < text.length; at += unitLength(text.charCodeAt(at))) starts.push(at);
  starts.push(text.length);
  return starts;
}

/** A character's bytes as one number. */
export function unitCode(text: string, from: number, to: number): number {
  let code = 0;
  for (let i = from; i < to; i++) code = code * 256 + text.charCodeAt(i);
  return code;
}

const PAIR = 2 ** 21; // more characters than Unicode has
/** Characters, merges or tokens between two yields: at most a millisecond or two, even where memory is slow. */
const STEP = 1024;

/** Pieces that are listed between two yields. */
const PIECES = 1024;
/** Bytes of a text whose spaces are replaced between two yields. */
const SPACES = 2 ** 14;
const SPACE = "\xe2\x96\x81"; // U+2581 as a byte string
const SPACE_UNIT = 0xe29681; // and as one number

export class SentencePieces implements PartEncoder {
  /** Characters of the vocabulary, numbered, and the pairs of them that are neighbours in some piece. */
  private readonly units = new Map<number, number>();
  private readonly pairs = new Set<number>();
  private readonly merges: Pairs;
  /** For short runs. A long one has its own arrays, since other texts are encoded between its steps. */
  private readonly short: MergeRun;

  private constructor(
    private readonly vocabulary: Vocabulary,
    longest: number,
  ) {
    const { ids, scores } = vocabulary;
    this.merges = {
      longest,
      score: (text, from, _, to) => {
        const token = ids.get(text.slice(from, to));
        return token === undefined ? undefined : scores[token];
      },
    };
    this.short = new MergeRun(this.merges);
  }

  /** Made in steps: a large vocabulary takes a while. */
  static *of(vocabulary: Vocabulary): Generator<void, SentencePieces, void> {
    const { texts } = vocabulary;
    const made = new SentencePieces(
      vocabulary,
      texts.reduce((most, { length }) => Math.max(most, length), 0),
    );
    for (let i = 0; i < texts.length; i++) {
      made.list(texts[i]!);
      if (i % PIECES === 0) yield;
    }
    return made;
  }

  private list(text: string): void {
    const starts = unitStarts(text);
    let before = -1;
    for (let i = 0; i + 1 < starts.length; i++) {
      const code = unitCode(text, starts[i]!, starts[i + 1]!);
      let unit = this.units.get(code);
      if (unit === undefined) {
        unit = this.units.size;
        this.units.set(code, unit);
      }
      if (before >= 0) this.pairs.add(before * PAIR + unit);
      before = unit;
    }
  }

  written(text: string): string {
    return text.replaceAll(" ", SPACE);
  }

  cutsAt(text: string, at: number): boolean {
    let from = at - 1;
    while (from > 0 && (text.charCodeAt(from) & 0xc0) === 0x80) from--;
    return this.cutsBetween(seenUnit(text, from, at), seenUnit(text, at, at + unitLength(text.charCodeAt(at))));
  }

  /** Whether two characters (their bytes as one number) never end up in one token, because they are neighbours in no piece. */
  private cutsBetween(before: number, after: number): boolean {
    const [a, b] = [this.units.get(before), this.units.get(after)];
    return a === undefined || b === undefined || !this.pairs.has(a * PAIR + b);
  }

  *steps(text: string, prefix: boolean, out: Token[]): Generator<void, void, void> {
    const parts: string[] = prefix ? [SPACE] : [];
    for (let at = 0; at < text.length; at += SPACES) {
      if (at > 0) yield;
      parts.push(text.slice(at, at + SPACES).replaceAll(" ", SPACE));
    }
    yield* this.runs(parts.join(""), out);
  }

  /** Of a text with U+2581 for its spaces. Yields after about STEP characters, merges or tokens of work. */
  private *runs(text: string, out: Token[]): Generator<void, void, void> {
    let [from, count, before, worked] = [0, 0, -1, 0];
    for (let at = 0; at < text.length; ) {
      const to = Math.min(at + unitLength(text.charCodeAt(at)), text.length);
      const unit = this.units.get(unitCode(text, at, to)) ?? -1;
      if (count > 0 && (before < 0 || unit < 0 || !this.pairs.has(before * PAIR + unit))) {
        if (count > STEP) yield* this.long(text, from, at, count, out);
        else this.run(text, from, at, count, out);
        [from, count] = [at, 0];
      }
      count++;
      before = unit;
      at = to;
      if (++worked === STEP) {
        worked = 0;
        yield;
      }
    }
    if (count > STEP) yield* this.long(text, from, text.length, count, out);
    else if (count > 0) this.run(text, from, text.length, count, out);
  }

  /** One run of characters between two cuts. */
  private run(text: string, from: number, end: number, count: number, out: Token[]): void {
    if (count === 1) {
      this.emit(text.slice(from, end), out);
      return;
    }
    const { short } = this;
    short.begin(text, from, end, count);
    short.setUp(count);
    short.merge(Number.POSITIVE_INFINITY);
    short.emit(Number.POSITIVE_INFINITY, (symbol) => this.emit(symbol, out));
  }

  private *long(text: string, from: number, end: number, count: number, out: Token[]): Generator<void, void, void> {
    const bytes = count * BYTES_PER_UNIT;
    if (bytes > 2 ** 24)
      checkMemory(
        [{ what: `tokenising ${count} characters without a place to cut`, bytes }],
        "Put spaces or line ends into the text, or use a shorter one",
      );
    const run = new MergeRun(this.merges);
    run.begin(text, from, end, count);
    while (!run.setUp(STEP)) yield;
    while (!run.merge(STEP / 2)) yield;
    while (!run.emit(STEP, (symbol) => this.emit(symbol, out))) yield;
  }

  /** A symbol's token, or the tokens of its bytes. */
  private emit(symbol: string, out: Token[]): void {
    const token = this.vocabulary.ids.get(symbol);
    if (token !== undefined) {
      out.push(token);
      return;
    }
    for (let i = 0; i < symbol.length; i++) {
      const byte = symbol.charCodeAt(i);
      const id = this.vocabulary.byteTokens[byte]!;
      if (id < 0) {
        const hex = byte.toString(16).toUpperCase().padStart(2, "0");
        throw new LabError(
          "bad-file",
          `tokenizer.ggml.tokens: expected a piece <0x${hex}>, needed for ${JSON.stringify(textOf(symbol))}, which is not a piece itself; found none. This vocabulary cannot encode the text`,
        );
      }
      out.push(id);
    }
  }
}

/** A character of a text as it is merged. */
function seenUnit(text: string, from: number, to: number): number {
  return to - from === 1 && text.charCodeAt(from) === 32 ? SPACE_UNIT : unitCode(text, from, to);
}
