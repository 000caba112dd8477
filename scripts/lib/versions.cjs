/**
 * Whether a version of Node satisfies a range of package.json's `engines`. Our own few lines, since this runs before any package is installed,
 * and CommonJS in the syntax of Node 12, since it must run in a Node that is too old. An unknown form of range is an error.
 */

const parts = (text) => text.split(".").map((part) => (/^[x*]$/i.test(part) ? undefined : Number(part)));

/** Negative if `a` is older, 0 if they are equal. Both are [major, minor, patch]. */
const compare = (a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2];

function meets(version, condition) {
  if (condition === "*" || condition === "") return true;
  const match = condition.match(/^(\^|~|>=|<=|>|<|=)?v?(\d+(?:\.(?:\d+|[x*])){0,2})$/i);
  if (!match) throw new Error(`unknown form of a version range: ${condition}`);
  const wanted = parts(match[2]);
  const least = [wanted[0], wanted[1] || 0, wanted[2] || 0];
  const same = (count) => wanted.slice(0, count).every((part, i) => part === undefined || part === version[i]);
  if (match[1] === "^" || match[1] === "~") return same(match[1] === "^" ? 1 : 2) && compare(version, least) >= 0;
  if (match[1] === ">=") return compare(version, least) >= 0;
  if (match[1] === ">") return compare(version, least) > 0;
  if (match[1] === "<=") return compare(version, least) <= 0;
  if (match[1] === "<") return compare(version, least) < 0;
  return same(3);
}

/** `admits("^20.19.0 || >=24", "22.1.0")` is false. */
function admits(range, version) {
  const numbers = parts(version.replace(/^v/, ""));
  return range.split("||").some((alternative) =>
    alternative
      .trim()
      .replace(/([<>=^~])\s+/g, "$1")
      .split(/\s+/)
      .every((condition) => meets(numbers, condition)),
  );
}

/** "^20.19.0 || ^22.13.0 || >=24.0.0" -> ["20.19.0", "22.13.0", "24.0.0"]: the oldest version of each alternative. */
const oldest = (range) => range.split("||").map((alternative) => alternative.match(/\d+\.\d+\.\d+/)[0]);

/** "20.19+, 22.13+ or 24+" */
const inWords = (range) =>
  oldest(range)
    .map((version) => `${version.replace(/(\.0)+$/, "")}+`)
    .join(", ")
    .replace(/, (?=[^,]*$)/, " or ");

/** The error for a Node that package.json does not admit, or undefined. */
function wrongNode(version = process.version) {
  const range = require("../../package.json").engines.node;
  return admits(range, version) ? undefined : `Node ${inWords(range)} is needed; this is ${version}.`;
}

module.exports = { admits, oldest, inWords, wrongNode };
