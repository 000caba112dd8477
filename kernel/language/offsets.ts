/** Jupyter counts a cursor in Unicode code points (protocol 5.2), JavaScript and TypeScript in UTF-16 units. */

/** The UTF-16 offset after `points` code points. */
export function utf16Offset(text: string, points: number): number {
  let at = 0;
  for (let n = 0; n < points && at < text.length; n++) at += text.codePointAt(at)! > 0xffff ? 2 : 1;
  return at;
}

/** The number of code points before the UTF-16 offset `at`. */
export function codePointOffset(text: string, at: number): number {
  let points = 0;
  for (let i = 0; i < at && i < text.length; points++) i += text.codePointAt(i)! > 0xffff ? 2 : 1;
  return points;
}
