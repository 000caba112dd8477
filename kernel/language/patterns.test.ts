import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { Cells } from "./cells.js";
import { complete } from "./queries.js";

const cells = new Cells(tmpdir());
// biome-ignore lint/suspicious/noTemplateCurlyInString: a type of the cell
const types = 'type Part = `v${number}.${"a" | "b"}-${string}.end` | "whole";';
cells.check(`${types}\ndeclare function take<const S extends Part>(part: S, ...more: Part[]): void;`, "cell 1");

/** Matches at the end of the code, and the text that each replaces. */
const at = (code: string): [readonly string[], string] => {
  const { matches, cursor_start, cursor_end } = complete(cells, code, code.length);
  return [matches, code.slice(cursor_start, cursor_end)];
};

test("the typed text fills the placeholders, also for a type parameter", () => {
  expect(at('take("v12.a-x')).toEqual([["v12.a-x.end"], "v12.a-x"]);
  expect(at('take("whole", "v3.b-some.e')).toEqual([["v3.b-some.end"], "v3.b-some.e"]);
  expect(at("const part: Part = 'v1.b-y")).toEqual([["v1.b-y.end"], "v1.b-y"]);
  expect(at('take("who')[0]).toEqual(["whole"]);
});

test("no matches where a placeholder is not typed yet, or the text does not match", () => {
  for (const typed of ["v", "vx.a-", "v1.c-x", "v1.a-", "v1.a-x.end!"]) expect(at(`take("${typed}`)[0], typed).toEqual([]);
  expect(at('const text: string = "v1.a-x')[0]).toEqual([]);
});
