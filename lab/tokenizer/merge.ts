/**
 * The SentencePiece merge with llama.cpp's ids: characters are joined pair by pair, always the pair whose joint piece has the
 * highest score, of equal ones the leftmost, until no two neighbours form a piece. A character that is no piece becomes its bytes.
 *
 * Two characters that stand side by side in no piece of the vocabulary can never end up in one token. The text is cut there first:
 * same ids, short runs, memory that does not grow with the text. A run of n characters costs O(n log n).
 */
import { LabError } from "../errors.js";
import { type Token, textOf, type Vocabulary } from "./vocabulary.js";

/** Bytes of the character that this byte opens. */
const UNIT = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4];
export const unitLength = (lead: number): number => UNIT[lead >> 4]!;

/** The start of each character of a byte string, and its end. */
export function unitStarts(text: string): number[] {
  const starts: number[] = [];
  let at = 0;
  for (; at < text.length; at += unitLength(text.charCodeAt(at))) starts.push(at);
  starts.push(text.length);
  return starts;
}

/** A character's bytes as one number. */
function unitCode(text: string, from: number, to: number): number {
  let code = 0;
  for (let i = from; i < to; i++) code = code * 256 + text.charCodeAt(i);
  return code;
}

const PAIR = 2 ** 21; // more characters than Unicode has

export class Merger {
  private readonly longest: number;
  /** Characters of the vocabulary, numbered; pairs of them that some piece holds side by side. */
  private readonly units = new Map<number, number>();
  private readonly pairs = new Set<number>();
  // The run at work: symbol i is bytes start[i] .. start[i] + length[i]; a list linked both ways. Grown as needed.
  private start = new Int32Array(0);
  private length = new Int32Array(0);
  private previous = new Int32Array(0);
  private next = new Int32Array(0);
  // The pairs that may merge, and a heap of their numbers, best first.
  private left = new Int32Array(0);
  private right = new Int32Array(0);
  private bytes = new Int32Array(0);
  private score = new Float32Array(0);
  private heap = new Int32Array(0);
  private waiting = 0;
  private made = 0;

  constructor(private readonly vocabulary: Vocabulary) {
    let longest = 0;
    for (const text of vocabulary.texts) {
      longest = Math.max(longest, text.length);
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
    this.longest = longest;
  }

  /** Appends the ids of a byte string in which spaces are already written as U+2581. */
  append(text: string, out: Token[]): void {
    const starts: number[] = [];
    let before = -1;
    for (let at = 0; at < text.length; ) {
      const to = Math.min(at + unitLength(text.charCodeAt(at)), text.length);
      const unit = this.units.get(unitCode(text, at, to)) ?? -1;
      if (starts.length > 0 && (before < 0 || unit < 0 || !this.pairs.has(before * PAIR + unit))) {
        this.run(text, starts, at, out);
        starts.length = 0;
      }
      starts.push(at);
      before = unit;
      at = to;
    }
    if (starts.length > 0) this.run(text, starts, text.length, out);
  }

  /** One run of characters between two cuts. */
  private run(text: string, starts: readonly number[], end: number, out: Token[]): void {
    const n = starts.length;
    if (n === 1) {
      this.emit(text.slice(starts[0], end), out);
      return;
    }
    this.reserve(n);
    this.waiting = 0;
    this.made = 0;
    for (let i = 0; i < n; i++) {
      this.start[i] = starts[i]!;
      this.length[i] = (starts[i + 1] ?? end) - starts[i]!;
      this.previous[i] = i - 1;
      this.next[i] = i + 1 < n ? i + 1 : -1;
    }
    for (let i = 1; i < n; i++) this.offer(text, i - 1, i);
    while (this.waiting > 0) {
      const pair = this.pop();
      const left = this.left[pair]!;
      const right = this.right[pair]!;
      // A symbol that was merged meanwhile has length 0, or another length than when the pair was offered.
      const stale =
        this.length[left] === 0 || this.length[right] === 0 || this.length[left]! + this.length[right]! !== this.bytes[pair];
      if (stale) continue;
      this.length[left] = this.bytes[pair]!;
      this.length[right] = 0;
      const after = this.next[right]!;
      this.next[left] = after;
      if (after >= 0) this.previous[after] = left;
      this.offer(text, this.previous[left]!, left);
      this.offer(text, left, after);
    }
    for (let i = 0; i >= 0; i = this.next[i]!) {
      this.emit(text.slice(this.start[i]!, this.start[i]! + this.length[i]!), out);
    }
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
          `tokenizer.ggml.tokens: expected a piece <0x${hex}>, needed for ${JSON.stringify(textOf(symbol))}, which is no piece itself; found none. This vocabulary cannot write the text`,
        );
      }
      out.push(id);
    }
  }

  /** Puts the pair among those that may merge, if together they are a piece. */
  private offer(text: string, left: number, right: number): void {
    if (left < 0 || right < 0) return;
    const bytes = this.length[left]! + this.length[right]!;
    if (bytes > this.longest) return;
    const from = this.start[left]!;
    const token = this.vocabulary.ids.get(text.slice(from, from + bytes));
    if (token === undefined) return;
    const pair = this.made++;
    this.left[pair] = left;
    this.right[pair] = right;
    this.bytes[pair] = bytes;
    this.score[pair] = this.vocabulary.scores[token]!;
    let at = this.waiting++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.before(pair, this.heap[parent]!)) break;
      this.heap[at] = this.heap[parent]!;
      at = parent;
    }
    this.heap[at] = pair;
  }

  private pop(): number {
    const best = this.heap[0]!;
    const moved = this.heap[--this.waiting]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.waiting) break;
      if (child + 1 < this.waiting && this.before(this.heap[child + 1]!, this.heap[child]!)) child++;
      if (!this.before(this.heap[child]!, moved)) break;
      this.heap[at] = this.heap[child]!;
      at = child;
    }
    this.heap[at] = moved;
    return best;
  }

  private before(a: number, b: number): boolean {
    const difference = this.score[a]! - this.score[b]!;
    return difference > 0 || (difference === 0 && this.left[a]! < this.left[b]!);
  }

  /** Room for n symbols: each merge offers at most two pairs more, so never more than 3 n. */
  private reserve(n: number): void {
    if (n <= this.start.length) return;
    const room = Math.max(64, 2 ** Math.ceil(Math.log2(n)));
    this.start = new Int32Array(room);
    this.length = new Int32Array(room);
    this.previous = new Int32Array(room);
    this.next = new Int32Array(room);
    this.left = new Int32Array(3 * room);
    this.right = new Int32Array(3 * room);
    this.bytes = new Int32Array(3 * room);
    this.score = new Float32Array(3 * room);
    this.heap = new Int32Array(3 * room);
  }
}
