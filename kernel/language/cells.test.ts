import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { Cells } from "./cells.js";

const cells = new Cells(tmpdir());
const check = (code: string) => cells.check(code, "cell 1");
const js = (code: string): string => {
  const reply = check(code);
  if ("failure" in reply) throw new Error(reply.failure.traceback.join("\n"));
  return reply.cell.js;
};
const evalue = (code: string): string => {
  const reply = check(code);
  return "failure" in reply ? reply.failure.evalue : "no failure";
};

test("declarations become assignments, functions first, the last expression the result", () => {
  const code =
    "import { sep, type ParsedPath } from 'node:path';\nlet a = 1, { b, ...c } = { b: 2, d: 3 };\nfor (var i = 0; i < 2; i++) {}\nfunction f(): number { return a }\nf() + b;";
  expect(js(code).replace(/\s+/g, " ")).toBe(
    "(async () => { \"use strict\"; [sep] = __sparselab__.pick(await __sparselab__.load('node:path'), 'node:path', [\"sep\"]); " +
      "f = function () { return a; }; a = 1; ({ b, ...c } = { b: 2, d: 3 }); for (i = 0; i < 2; i++) { } " +
      '__sparselab__.result("cell 1", f() + b); })()',
  );
});

test("what is only a type leaves nothing, and import() is ours everywhere", () => {
  expect(js("import type { Stats } from 'node:fs'; interface A { x: Stats } type B = A; declare const z: B;")).not.toMatch(
    /load|Stats|z/,
  );
  expect(js("const later = () => import('node:os')")).toContain("later = () => __sparselab__.load('node:os')");
});

test("names keep their exact types from cell to cell, and cells that nobody needs are dropped", () => {
  js("class Secret { #x = 1; static of(s: Secret) { return s.#x } }\nlet changing: number | string = 1; const fixed = 'f';");
  js("changing = 's'; Secret.of(new Secret()).toFixed(); const same: 'f' = fixed;");
  expect(evalue("changing = true")).toContain("Type 'boolean' is not assignable to type 'string | number'");
  for (let i = 0; i < 20; i++) js(`let counter = ${i}; counter`);
  const program = cells.compiler.program();
  const slots = program.getRootFileNames().filter((f) => /__cell_\d+\.ts$/.test(f));
  expect(slots.filter((f) => program.getSourceFile(f)!.text.includes("counter")).length).toBeLessThan(3);
});

test("a cell that failed or never ran leaves the names as they were", () => {
  js("let kept = 1");
  js("let kept = 'text'; let fresh = 2");
  cells.revert(["kept", "fresh"]);
  js("kept.toFixed()");
  expect(evalue("fresh")).toContain("Cannot find name 'fresh'");
  js("let kept = 'again'");
  cells.undo("cell 1");
  js("kept.toFixed()");
  cells.reset();
  expect(evalue("kept")).toContain("Cannot find name 'kept'");
});

test("a name of Node lives under another name, in every form of use", () => {
  const code =
    "let process = 1; const { performance } = { performance: 2 }; ({ process, performance }); (process: number) => process;";
  const body = js(code);
  expect(body).toContain("process\u200c = 1");
  expect(body).toContain("({ performance: performance\u200c } = { performance: 2 })");
  expect(body).toContain("({ process: process\u200c, performance: performance\u200c })");
  expect(body).toContain("(process) => process");
  const later = js("process + globalThis.process.pid");
  expect(later).toContain("process\u200c + globalThis.process.pid");
  cells.reset();
});

test("more cells than there are slots, and names that come through many of them", () => {
  js("interface Chain { n: number } const link0: Chain = { n: 1 };");
  for (let i = 1; i < 140; i++) js(`const link${i} = { ...link${i - 1}, n: ${i} };`);
  expect(js("link139.n.toFixed() satisfies string; link0")).toContain("link139.n.toFixed()");
  expect(evalue("link139.m")).toBe("Property 'm' does not exist on type '{ n: number; }'.");
  cells.reset();
});
