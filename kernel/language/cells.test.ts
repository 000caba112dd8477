import { tmpdir } from "node:os";
import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { Cells } from "./cells.js";
import { complete } from "./queries.js";

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

test("types leave no code, and import() becomes a call of the engine everywhere", () => {
  expect(js("import type { Stats } from 'node:fs'; interface A { x: Stats } type B = A; declare const z: B;")).not.toMatch(
    /load|Stats|z/,
  );
  expect(js("const later = () => import('node:os')")).toContain("later = () => __sparselab__.load('node:os')");
});

test("names keep their exact types from cell to cell, and cells that nothing refers to are dropped", () => {
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

test("a variable with the name of a Node global is renamed, in every form of use", () => {
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

test("more cells than slots, and types that depend on many cells", () => {
  js("interface Chain { n: number } const link0: Chain = { n: 1 };");
  for (let i = 1; i < 140; i++) js(`const link${i} = { ...link${i - 1}, n: ${i} };`);
  expect(js("link139.n.toFixed() satisfies string; link0")).toContain("link139.n.toFixed()");
  expect(evalue("link139.m")).toBe("Property 'm' does not exist on type '{ n: number; }'.");
  cells.reset();
});

test("names of a cell that failed its check are any for later cells, and using one says which cell failed", () => {
  cells.reset();
  const bad =
    "const lost: number = 'a'; class Thing {} interface Shape<T> { t: T } import { gone } from 'no-such-package'; let kept = 1;";
  js("let kept = 'before'");
  expect(cells.check(bad, "cell 7")).toHaveProperty("failure");
  const body = js(
    "const again = lost.anything.at(3); function later(s: Shape<string>) { return { lost, s, q: gone() } } new Thing(); typeof lost;",
  );
  expect(body).toContain('throw new ReferenceError("lost is not defined: cell 7, which declares it, failed its check")');
  expect(body).toContain('throw new ReferenceError("gone is not defined: cell 7, which declares it, failed its check")');
  expect(body).toContain('__sparselab__.result("cell 1", typeof lost)');
  js("let inside: gone.Type<1>; let alias: Thing;");
  // A name with an earlier meaning keeps it.
  expect(evalue("kept.toFixed()")).toContain("Property 'toFixed' does not exist on type 'string'");
  // Once it is declared again, it has its declared type.
  js("const lost = 5");
  expect(js("lost.toFixed()")).toContain("lost.toFixed()");
  expect(evalue("lost.anything")).toContain("Property 'anything' does not exist on type '5'");
  cells.reset();
  expect(evalue("gone")).toContain("Cannot find name 'gone'");
});

test("names of a cell with a syntax error are any, too; globals keep their types", () => {
  cells.reset();
  expect(cells.check("const half = (1; const process = 2; class Map {", "cell 2")).toHaveProperty("failure");
  expect(js("half + 1")).toContain("cell 2, which declares it, failed its check");
  expect(evalue("process.nothing; new Map().nothing")).toContain("Property 'nothing' does not exist on type");
  cells.reset();
});

test("a name that is missing because its cell failed: the error says so", () => {
  cells.reset();
  js("const model = { a: 1 }");
  cells.revert(["model"]);
  expect(evalue("model.a")).toBe("Cannot find name 'model'. Cell 1 declares it, but failed before that line.");
  js("const model = { a: 1 }");
  js("model.a");
  cells.reset();
});

test("// @strict applies from its cell on until the kernel restarts; not if that cell fails its check", () => {
  cells.reset();
  js("const begun = []; let best = null; best = { t: 1 }; best.t");
  expect(evalue("// @strict\nlet wrong: number = ''")).toContain("not assignable");
  js("let best2 = null; best2 = { t: 1 }; try { null } catch (e) { e.message }");
  js("let still = null; still = { t: 1 }; still.t;\n// @strict\nlet stillNot = null; stillNot = 1;");
  js("// a comment first\n// @strict\nconst fine: number = 1");
  expect(evalue("[1].find((x) => x > 0).toFixed()")).toContain("Object is possibly 'undefined'");
  expect(evalue("try { null } catch (e) { e.message }")).toContain("'e' is of type 'unknown'");
  expect(evalue("class A { constructor(x: number) { this.x = x } }")).toContain("Property 'x' does not exist on type 'A'");
  expect(evalue("(x) => x")).toContain("implicitly has an 'any' type");
  cells.reset();
  js("[1].find((x) => x > 0).toFixed(); (x) => x");
});

test("a reference at the top of a cell applies from then on; not if that cell fails its check", () => {
  cells.reset();
  expect(evalue("let d: HTMLElement")).toContain("Cannot find name 'HTMLElement'");
  expect(evalue('/// <reference lib="dom" />\nlet d: HTMLElement = 5')).toContain("not assignable to type 'HTMLElement'");
  expect(evalue("let d: HTMLElement")).toContain("Cannot find name 'HTMLElement'");
  js('/// <reference lib="dom" />\nlet d: HTMLElement; d?.title');
  js("d?.offsetWidth; let other: HTMLCanvasElement;");
  cells.reset();
});

test("fields assigned through this belong to the class, in later cells and subclasses too", () => {
  cells.reset();
  js(
    "class A<T> { constructor(x: T) { this.x = x; [this.y, this.z] = [1, 2] } static made() { this.n = 1 } } export class E { set() { this.e ??= 1 } }",
  );
  js(
    "const shaped: { x: unknown; y: number } = new A(1); class B extends A<string> { m() { return this.z + this.y } } new B('b').x; new E().e; A.n",
  );
  expect(complete(cells, "shaped; new A(1).", 17).matches).toEqual(expect.arrayContaining(["x", "y", "z"]));
  expect(evalue("new A(1).w")).toBe("Property 'w' does not exist on type 'A<number>'.");
  expect(evalue("class C { m() { return this.q } }")).toBe("Property 'q' does not exist on type 'C'.");
  expect(evalue("class D { x = 1; m() { this.x = 'a' } }")).toBe("Type 'string' is not assignable to type 'number'.");
  cells.reset();
});

test("a constant is narrowed in a closure of a later cell; a variable initialised by a literal constant is widened", () => {
  cells.reset();
  js('// @strict\nconst v = Math.random() < 2 ? 1 : ("a" as string | number); const o: { q?: { r: number } } = {};');
  js('if (typeof v === "number") [1].map((x) => x + v.toFixed().length)');
  js("if (o.q) { const q = o.q; [1].map(() => q.r) }");
  expect(evalue("[1].map((x) => x + v.toFixed().length)")).toContain(
    "Property 'toFixed' does not exist on type 'string | number'",
  );
  expect(evalue("v = 2")).toContain("Cannot assign to 'v' because it is a constant");
  js(
    "const start = 0; const name = 'a'; const tag = Symbol('t'); const either = Math.random() < 2 ? 'x' : 'y'; const twice = (x: number) => 2 * x;",
  );
  js(
    "let i = start; i = 5; let n = name; n = 'b'; let e = either; e = 'z'; const keyed = { [tag]: 1 }; keyed[tag].toFixed(); twice(1);",
  );
  js("const A = { of: (x: A) => x }; type A = { a: number };");
  js("A.of({ a: 1 } satisfies A)");
  cells.reset();
});

test("a cell whose last line is an object literal: positions, hints and everything else work as in other cells", () => {
  cells.reset();
  const at = (code: string): string => {
    const reply = cells.check(code, "cell 2");
    return "failure" in reply ? stripVTControlCharacters(reply.failure.traceback[0]!) : "no failure";
  };
  expect(at("{ a: 1, b: nope }")).toMatch(/^cell 2:1:12 - error TS2304: Cannot find name 'nope'/);
  expect(at("let m = 1\n{ a: m, b: nope }")).toMatch(/^cell 2:2:12 - /);
  // `m` belongs to a failed cell.
  expect(js("{ a: m, b: 2 }")).toContain("m is not defined: cell 2, which declares it, failed its check");
  expect(js("class Grown { constructor() { this.x = 1 } }\n{ a: new Grown().x, b: 2 }")).toContain("__sparselab__.result");
  js("let cat = 1");
  cells.revert(["cat"]);
  expect(at("{ a: cat, b: 2 }")).toMatch(/^cell 2:1:6 - error TS2304: .* Cell 1 declares it, but failed before/);
  // `cat` is a name of the notebook, `head` a shell command.
  expect(at("cat")).toMatch(/Cell 1 declares it, but failed before/);
  expect(at("head")).toMatch(/execSync/);
  expect(at("#!/usr/bin/env sparselab\n// @strict\n{ a: (x) => x, b: 2 }")).toMatch(/^cell 2:3:7 - error TS7006: /);
  expect(js('/// <reference lib="dom" />\n{ a: document.title, b: 2 }')).toContain("document.title");
  cells.reset();
});
