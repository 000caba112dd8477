/**
 * Text as classes: each code point becomes one Latin-1 character, itself below 128 and else its class, so that a pre-tokenizer is a plain
 * regular expression over a one-byte string. JavaScript's own classes would not do: \s has U+FEFF and lacks U+0085, and \p{L} depends on the version of
 * Node.
 */
import { unicodeRanges } from "./unicode-ranges.js";

/** Classes of code points from 128 on. Whitespace is a vertical tab, which is whitespace itself. */
export const codeClass = {
  other: 0xd0,
  number: 0xd1,
  letter: 0xd2,
  punctuation: 0xd3,
  mark: 0xd4,
  symbol: 0xd5,
  space: 0x0b,
} as const;

/** Unicode's White_Space. */
const SPACES: readonly (readonly [from: number, to: number])[] = [
  [0x85, 0x85],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
];
const CODE_POINTS = 0x110000;

/** The class of each code point: its own number below 128. */
export class Classes {
  #table: Uint8Array | undefined;
  constructor(private readonly fill: (table: Uint8Array) => void) {}

  get table(): Uint8Array {
    if (!this.#table) {
      this.#table = new Uint8Array(CODE_POINTS).fill(codeClass.other);
      this.fill(this.#table);
      for (const [from, to] of SPACES) this.#table.fill(codeClass.space, from, to + 1);
      for (let code = 0; code < 128; code++) this.#table[code] = code;
    }
    return this.#table;
  }
}

/** By general category. */
export const generalClasses = new Classes((table) => {
  for (const name of ["letter", "number", "mark", "punctuation", "symbol"] as const) {
    const numbers = unicodeRanges[name].split(" ");
    let at = 0;
    for (let i = 0; i < numbers.length; i += 2) {
      at += Number.parseInt(numbers[i]!, 36);
      const to = at + Number.parseInt(numbers[i + 1]!, 36);
      table.fill(codeClass[name], at, to);
      at = to;
    }
  }
});

/** Letters are the characters and ranges of a text such as "一-龥぀-ヿ"; all others are `other`. */
export function lettersAre(ranges: string): Classes {
  return new Classes((table) => {
    for (const range of ranges.match(/.-.|./gsu) ?? []) {
      const points = Array.from(range, (char) => char.codePointAt(0)!);
      table.fill(codeClass.letter, points[0]!, points.at(-1)! + 1);
    }
  });
}

/** The code point that begins at a place of a byte string of UTF-8. */
export function codePointAt(bytes: string, at: number): number {
  const lead = bytes.charCodeAt(at);
  if (lead < 0x80) return lead;
  const tail = (i: number) => bytes.charCodeAt(at + i) & 0x3f;
  if (lead < 0xe0) return ((lead & 0x1f) << 6) | tail(1);
  if (lead < 0xf0) return ((lead & 0x0f) << 12) | (tail(1) << 6) | tail(2);
  return ((lead & 0x07) << 18) | (tail(1) << 12) | (tail(2) << 6) | tail(3);
}
