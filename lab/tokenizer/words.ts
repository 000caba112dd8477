/** The words of a text, as a pre-tokenizer cuts it: byte strings, in steps. */
import { type Classes, codeClass, codePointAt, generalClasses } from "./code-points.js";
import { unitLength } from "./merge-run.js";
import type { PreRule, PreTokenizer } from "./pre-tokenizers.js";

/** Code points, or words, between two yields. */
const STEP = 4096;

/** A byte string as classes, and where each code point begins in it; undefined where every code point is one byte. */
interface Classed {
  readonly text: string;
  readonly starts: Uint32Array | undefined;
}

function* classed(bytes: string, classes: Classes): Generator<void, Classed, void> {
  if (/^[\0-\x7f]*$/.test(bytes)) return { text: bytes, starts: undefined };
  const { table } = classes;
  const out = Buffer.allocUnsafe(bytes.length);
  const starts = new Uint32Array(bytes.length + 1);
  let count = 0;
  for (let at = 0; at < bytes.length; at += unitLength(bytes.charCodeAt(at))) {
    starts[count] = at;
    out[count++] = table[codePointAt(bytes, at)]!;
    if (count % STEP === 0) yield;
  }
  starts[count] = bytes.length;
  return { text: out.toString("latin1", 0, count), starts: starts.subarray(0, count + 1) };
}

/**
 * Calls `take` with each word of a byte string of UTF-8, in order. Yields after about STEP code points or words; what `take` yields is passed on.
 */
export function* eachWord(
  bytes: string,
  { rules }: PreTokenizer,
  take: (word: string) => Generator<void, void, void> | undefined,
): Generator<void, void, void> {
  const views = new Map<Classes, Classed>();
  for (const { classes } of rules) if (!views.has(classes)) views.set(classes, yield* classed(bytes, classes));
  const starts = [...views.values()][0]!.starts;
  // Expressions of its own: another text may be cut between two steps of this one.
  const expressions = rules.map(({ expression }) => new RegExp(expression));
  const byteOf = (point: number) => (starts ? starts[point]! : point);
  let words = 0;

  function* cut(from: number, to: number, depth: number): Generator<void, void, void> {
    const rule: PreRule | undefined = rules[depth];
    if (!rule) {
      const work = take(bytes.slice(byteOf(from), byteOf(to)));
      if (work) yield* work;
      if (++words % STEP === 0) yield;
      return;
    }
    const { text } = views.get(rule.classes)!;
    const part = from === 0 && to === text.length ? text : text.slice(from, to);
    const expression = expressions[depth]!;
    expression.lastIndex = 0;
    let end = 0;
    for (let match = expression.exec(part); match; match = expression.exec(part)) {
      const start = match.index;
      if (start > end) yield* cut(from + end, from + start, depth + 1);
      end = expression.lastIndex;
      if (end > start) yield* cut(from + start, from + end, depth + 1);
      else expression.lastIndex++;
    }
    if (end < part.length) yield* cut(from + end, to, depth + 1);
  }
  if (bytes !== "") yield* cut(0, starts ? starts.length - 1 : bytes.length, 0);
}

const isSpace = (code: number): boolean => code === 32 || (code >= 9 && code <= 13);
const isLine = (code: number): boolean => code === 10 || code === 13;
const isAsciiLetter = (code: number): boolean => (code | 32) >= 97 && (code | 32) <= 122;
const isWordClass = (code: number): boolean =>
  isAsciiLetter(code) || (code >= 48 && code <= 57) || code === codeClass.letter || code === codeClass.number;

/** Where the code point before a place of a byte string begins. */
function before(bytes: string, at: number): number {
  let from = at - 1;
  while (from > 0 && (bytes.charCodeAt(from) & 0xc0) === 0x80) from--;
  return from;
}

/**
 * Whether words end at a place of a text, whatever stands further before and behind, and the words on both sides are those of the two parts:
 *   - whitespace follows a letter or a number, or, but for a line end, another sign;
 *   - a single line end is behind, and no whitespace around it.
 */
export function wordsEndAt(bytes: string, at: number, { complete }: PreTokenizer): boolean {
  const classAt = (from: number): number => generalClasses.table[codePointAt(bytes, from)]!;
  const last = before(bytes, at);
  const [left, right] = [classAt(last), classAt(at)];
  if (!complete) return isAsciiLetter(left) && isSpace(right);
  if (isSpace(right)) return isWordClass(left) || (!isSpace(left) && !isLine(right));
  // A slash may belong to the line end before it.
  return left === 10 && last > 0 && right !== 47 && !isSpace(classAt(before(bytes, last)));
}
