/**
 * Writes lab/tokenizer/unicode-ranges.ts: which code points are letters, numbers, marks, punctuation and symbols in Unicode 15.1, the version that
 * llama.cpp's pre-tokenizers know. JavaScript's own \p{L} is of the version that came with Node, so ids would depend on it.
 *
 *   npm install --no-save @unicode/unicode-15.1.0@2.0.7 && node scripts/unicode.mjs
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

const NAMES = { letter: "Letter", number: "Number", mark: "Mark", punctuation: "Punctuation", symbol: "Symbol" };
const WIDTH = 120;

/** Gaps and lengths in base 36: the first code point of each range as the distance from the end of the last, then how many. */
async function encoded(name) {
  const { default: points } = await import(`@unicode/unicode-15.1.0/General_Category/${name}/code-points.mjs`);
  const numbers = [];
  let end = 0;
  for (let i = 0; i < points.length; ) {
    let to = i + 1;
    while (to < points.length && points[to] === points[to - 1] + 1) to++;
    numbers.push(points[i] - end, to - i);
    end = points[to - 1] + 1;
    i = to;
  }
  return numbers.map((n) => n.toString(36)).join(" ");
}

/** A string over many lines. */
function lines(text) {
  const parts = [];
  let rest = text;
  while (rest.length > WIDTH - 8) {
    const at = rest.lastIndexOf(" ", WIDTH - 10) + 1;
    parts.push(rest.slice(0, at));
    rest = rest.slice(at);
  }
  parts.push(rest);
  return parts.map((part) => `    "${part}",`).join("\n");
}

const fields = [];
for (const [field, name] of Object.entries(NAMES)) fields.push(`  ${field}: [\n${lines(await encoded(name))}\n  ].join(""),`);
writeFileSync(
  join(import.meta.dirname, "..", "lab", "tokenizer", "unicode-ranges.ts"),
  `/**
 * Code points by general category, of Unicode 15.1: pairs of numbers in base 36, the distance of a range from the end of the last one, and its
 * length. Written by scripts/unicode.mjs.
 */
export const unicodeRanges = {
${fields.join("\n")}
} as const;
`,
);
