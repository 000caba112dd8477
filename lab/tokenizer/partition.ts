/**
 * The cutting of a text at special texts. As in llama.cpp longer ones go first, and each takes its matches from what the ones before it left. All
 * are found in one pass with a trie, however many there are.
 */
import type { Token } from "./vocabulary.js";

export interface Special {
  readonly token: Token;
  /** Byte string. */
  readonly text: string;
  /** Matched even where special tokens are not asked for. */
  readonly always: boolean;
  /** Whitespace after it belongs to it (Phi-3). */
  readonly eatsSpace: boolean;
}

/** A piece of a text, or a special token. */
export type Part = string | Token;

/** Bytes that are looked at between two yields. */
const LOOK = 2 ** 14;

export const isSpace = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13);

interface Node {
  readonly next: Map<number, Node>;
  /** The place, in the order of matching, of the special text that ends here; -1: none. */
  special: number;
}

export class Partition {
  readonly #root: Node = { next: new Map(), special: -1 };

  /** @param specials in the order in which they are matched */
  constructor(readonly specials: readonly Special[]) {
    specials.forEach(({ text }, i) => {
      let node = this.#root;
      for (let at = 0; at < text.length; at++) {
        const byte = text.charCodeAt(at);
        let next = node.next.get(byte);
        if (!next) {
          next = { next: new Map(), special: -1 };
          node.next.set(byte, next);
        }
        node = next;
      }
      if (node !== this.#root && node.special < 0) node.special = i;
    });
  }

  /** Cuts a byte string; the strings between the tokens are never empty. */
  *of(text: string): Generator<void, readonly Part[], void> {
    if (text === "") return [];
    const places = yield* this.#places(text);
    if (places.size === 0) return [text];

    // What each special text takes, in their order: its first and its last byte must be left. (Nothing lies between two bytes that are left, since
    // what was taken before is at least as long.)
    const taken = new Uint8Array(text.length);
    const cuts: { readonly from: number; readonly to: number; readonly token: Token }[] = [];
    let since = 0;
    for (const i of [...places.keys()].sort((a, b) => a - b)) {
      const special = this.specials[i]!;
      const { length } = special.text;
      for (const from of places.get(i)!) {
        if (++since % 1024 === 0) yield;
        if (taken[from] || taken[from + length - 1]) continue;
        let to = from + length;
        if (special.eatsSpace) while (to < text.length && !taken[to] && isSpace(text.charCodeAt(to))) to++;
        taken.fill(1, from, to);
        cuts.push({ from, to, token: special.token });
      }
    }
    cuts.sort((a, b) => a.from - b.from);

    const parts: Part[] = [];
    let end = 0;
    for (const { from, to, token } of cuts) {
      if (from > end) parts.push(text.slice(end, from));
      parts.push(token);
      end = to;
    }
    if (end < text.length) parts.push(text.slice(end));
    return parts;
  }

  /** Where each special text occurs, by its place in the order. */
  *#places(text: string): Generator<void, Map<number, number[]>, void> {
    const places = new Map<number, number[]>();
    for (let at = 0; at < text.length; at++) {
      if (at % LOOK === LOOK - 1) yield;
      let node = this.#root.next.get(text.charCodeAt(at));
      for (let i = at + 1; node; i++) {
        if (node.special >= 0) {
          const list = places.get(node.special);
          if (list) list.push(at);
          else places.set(node.special, [at]);
        }
        node = i < text.length ? node.next.get(text.charCodeAt(i)) : undefined;
      }
    }
    return places;
  }
}
