/**
 * The merges of one run of characters, and their arrays. A long run can be done in steps, so that the JavaScript thread is not blocked and a
 * stop is noticed: `begin`, then `setUp`, `merge` and `emit`, each with a limit, and each repeated until it returns true.
 */

/** Which neighbours may merge. */
export interface Pairs {
  /** Bytes of the longest symbol that a merge gives. */
  readonly longest: number;
  /** How good the merge of two neighbours is, the bytes from `from` to `middle` and to `to`; undefined where they do not merge. */
  score(text: string, from: number, middle: number, to: number): number | undefined;
}

/** Bytes of a character, by the high half of its first byte. */
const UNIT = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4];
export const unitLength = (lead: number): number => UNIT[lead >> 4]!;

/** Bytes of the arrays for each character of a run. */
export const BYTES_PER_UNIT = 4 * (4 + 5 * 3);

export class MergeRun {
  #text = "";
  #end = 0;
  #count = 0;
  #at = 0;
  #byte = 0;
  // Symbol i is bytes start[i] .. start[i] + length[i]; a list linked both ways. Grown as needed.
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

  constructor(private readonly pairs: Pairs) {}

  /** A run of `count` characters, the bytes from `from` to `end` of the text. */
  begin(text: string, from: number, end: number, count: number): void {
    this.reserve(count);
    this.#text = text;
    this.#end = end;
    this.#count = count;
    this.#at = 0;
    this.#byte = from;
    this.waiting = 0;
    this.made = 0;
  }

  /** Lists at most `limit` more characters, and offers their pairs; true when all are listed. */
  setUp(limit: number): boolean {
    const to = Math.min(this.#count, this.#at + limit);
    for (let i = this.#at; i < to; i++) {
      const bytes = Math.min(unitLength(this.#text.charCodeAt(this.#byte)), this.#end - this.#byte);
      this.start[i] = this.#byte;
      this.length[i] = bytes;
      this.previous[i] = i - 1;
      this.next[i] = i + 1 < this.#count ? i + 1 : -1;
      this.#byte += bytes;
      if (i > 0) this.offer(i - 1, i);
    }
    this.#at = to;
    if (to < this.#count) return false;
    this.#at = 0;
    return true;
  }

  /** Does at most `limit` merges (stale pairs count); true when no two neighbours form a piece. */
  merge(limit: number): boolean {
    for (let done = 0; this.waiting > 0; done++) {
      if (done >= limit) return false;
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
      this.offer(this.previous[left]!, left);
      this.offer(left, after);
    }
    return true;
  }

  /** Passes at most `limit` more symbols to `take`, in order; true when all were passed. */
  emit(limit: number, take: (symbol: string) => void): boolean {
    for (let done = 0; this.#at >= 0; done++) {
      if (done >= limit) return false;
      const start = this.start[this.#at]!;
      take(this.#text.slice(start, start + this.length[this.#at]!));
      this.#at = this.next[this.#at]!;
    }
    this.#text = "";
    return true;
  }

  /** Adds a pair to the heap, if together they are a piece. */
  private offer(left: number, right: number): void {
    if (left < 0 || right < 0) return;
    const bytes = this.length[left]! + this.length[right]!;
    if (bytes > this.pairs.longest) return;
    const from = this.start[left]!;
    const score = this.pairs.score(this.#text, from, from + this.length[left]!, from + bytes);
    if (score === undefined) return;
    const pair = this.made++;
    this.left[pair] = left;
    this.right[pair] = right;
    this.bytes[pair] = bytes;
    this.score[pair] = score;
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

  /** Makes room for n symbols: each merge offers at most two more pairs, so there are never more than 3 n. */
  private reserve(n: number): void {
    if (n <= this.start.length) return;
    // The arrays of a long run are not used again: no spare room.
    const room = n > 2 ** 16 ? n : Math.max(64, 2 ** Math.ceil(Math.log2(n)));
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
