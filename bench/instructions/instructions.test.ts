/** Reading callgrind's file, and the report of a change. */
import { expect, test } from "vitest";
import { parseCallgrind } from "./callgrind.js";
import { compare } from "./instructions.js";

test("a function's own instructions, without those of the functions that it calls", () => {
  const file = `events: Ir
fl=(1) a.cpp
fn=(1) main
10 5
cfn=(2) kernel(float const*, unsigned long)
calls=2 20
11 4000
+1 7
fn=(2)
20 1500
* 2500

totals: 4012
`;
  expect([...parseCallgrind(file)]).toEqual([
    ["main", 12],
    ["kernel(float const*, unsigned long)", 4000],
  ]);
  expect(() => parseCallgrind("fn=(7)\n1 1\n")).toThrow(/no name for function \(7\)/);
});

test("a change of more than 2 % is marked", () => {
  const lines = compare(
    { same: 1_019_000, more: 1_021_000, less: 979_000, fresh: 5 },
    { same: 1e6, more: 1e6, less: 1e6, gone: 7 },
  ).split("\n");
  expect(lines.map((line) => line.replace(/\s+/g, " "))).toEqual([
    "same 1,019,000 +1.90 %",
    "more 1,021,000 +2.10 % MORE than committed",
    "less 979,000 -2.10 % less than committed",
    "fresh 5 new",
    "gone - no longer counted (was 7)",
  ]);
});
