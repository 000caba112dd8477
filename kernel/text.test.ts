import { expect, test } from "vitest";
import { codeFrame } from "./text.js";

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours
const plain = (text: string): string => text.replace(/\u001b\[\d+m/g, "");

test("a frame shows the line, its neighbours and a mark, also after tabs and at the ends", () => {
  expect(plain(codeFrame("a\n\tbad(x);\nc", 2, 6, 1))).toBe("  1 | a\n> 2 | \tbad(x);\n    | \t    ^\n  3 | c");
  expect(plain(codeFrame("only", 1, 1, 99))).toBe("> 1 | only\n    | ^^^^");
  expect(plain(codeFrame("x", 1, 2))).toBe("> 1 | x\n    |  ^");
});
