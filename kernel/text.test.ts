import { expect, test } from "vitest";
import { codeFrame, cut } from "./text.js";

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours
const plain = (text: string): string => text.replace(/\u001b\[\d+m/g, "");

test("a frame shows the line, its neighbours and a mark, also after tabs and at the ends of the text", () => {
  expect(plain(codeFrame("a\n\tbad(x);\nc", 2, 6, 1))).toBe("  1 | a\n> 2 | \tbad(x);\n    | \t    ^\n  3 | c");
  expect(plain(codeFrame("only", 1, 1, 99))).toBe("> 1 | only\n    | ^^^^");
  expect(plain(codeFrame("x", 1, 2))).toBe("> 1 | x\n    |  ^");
});

test("of a line of 500 kB only the columns around the position are shown, and the same of its neighbours", () => {
  const long = `${"x".repeat(250_000)}HERE${"y".repeat(250_000)}`;
  const frame = plain(codeFrame(`short\n${long}\n${long}`, 2, 250_001, 4));
  expect(frame.length).toBeLessThan(1000);
  const [before, line, mark, after] = frame.split("\n");
  expect(before).toBe("  1 | …");
  expect(line!.slice(6)).toMatch(/^…x+HEREy+…$/);
  expect(line!.slice(mark!.indexOf("^"), mark!.lastIndexOf("^") + 1)).toBe("HERE");
  expect(after!.slice(6)).toBe(line!.slice(6));
  // A mark that is longer than the line ends with the columns that are shown.
  expect(
    plain(codeFrame(long, 1, 1, 1e6))
      .split("\n")[1]!
      .match(/\^/g)!.length,
  ).toBe(200);
});

test("a text that is cut says by how much", () => {
  expect(cut("abc", 3)).toBe("abc");
  expect(cut("x".repeat(12_345), 10)).toBe("xxxxxxxxxx… (12,335 more characters)");
});
