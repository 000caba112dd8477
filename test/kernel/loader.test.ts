/** The user's own files, imported by a cell: each ending and form of module is loaded as what it is. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Client } from "./client.js";

let kernel: Client;
beforeAll(async () => {
  kernel = await Client.start();
});
afterAll(() => kernel.close());

const file = (name: string, text: string): void => {
  mkdirSync(dirname(join(kernel.folder, name)), { recursive: true });
  writeFileSync(join(kernel.folder, name), text);
};

async function shows(cell: string): Promise<string | undefined> {
  const { reply, text } = await kernel.execute(cell);
  expect(`${reply.status} ${reply.evalue ?? ""}`, cell).toBe("ok ");
  return text;
}

async function failing(cell: string): Promise<{ ename: string; evalue: string; text: string }> {
  const { reply } = await kernel.execute(cell);
  expect(reply.status, cell).toBe("error");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
  return { ...reply, text: reply.traceback.join("\n").replace(/\u001b\[\d+m/g, "") };
}

test("import.meta is the file's", async () => {
  file(
    "lib/meta.ts",
    "export const m = [import.meta.url, import.meta.filename, import.meta.dirname, import.meta.resolve('./x.ts')];\n",
  );
  const shown = await shows(`import { m } from "./lib/meta.ts"; import { pathToFileURL } from "node:url";
    m.map((p) => p!.replace(pathToFileURL(process.cwd()).href, "U").replace(process.cwd(), "P"))`);
  expect(shown).toBe("[ 'U/lib/meta.ts', 'P/lib/meta.ts', 'P/lib', 'U/lib/x.ts' ]");
});

test(".mts and .cts, by their own name and as .mjs and .cjs; names of CommonJS", async () => {
  file("a.mts", "export const a: string = 'mts'; await 0;\n");
  file("b.cts", "import path = require('node:path');\nexport const b: string = path.basename(__filename) + typeof require;\n");
  file("c.cts", "const c: number = 3;\nexport = { c, twice: c * 2 };\n");
  expect(await shows('import { a } from "./a.mts"; import { b } from "./b.cts"; [a, b]')).toBe("[ 'mts', 'b.ctsfunction' ]");
  expect(
    await shows(
      'import { a as a2 } from "./a.mjs"; import { b as b2 } from "./b.cjs"; import c from "./c.cjs"; [a2, b2, c.twice]',
    ),
  ).toBe("[ 'mts', 'b.ctsfunction', 6 ]");
});

test("export = and import x = require(), among files and in a cell, also of packages and of __esModule", async () => {
  file(
    "whole.ts",
    "function whole(n: number) { return n + whole.extra }\nnamespace whole { export const extra = 10; export type T = 1 }\nexport = whole;\n",
  );
  file(
    "uses.ts",
    "import whole = require('./whole');\nimport { extra } from './whole';\nimport again from './whole.js';\nimport fs = require('node:fs');\nimport type Never = require('./nowhere');\n" +
      "export const used = [whole(1), extra, again === whole, typeof fs.statSync];\n",
  );
  expect(await shows('import { used } from "./uses"; used')).toBe("[ 11, 10, true, 'function' ]");
  expect(await shows('import whole = require("./whole"); import { extra } from "./whole"; [whole(2), extra]')).toBe("[ 12, 10 ]");
});

test("a default import of CommonJS is the module, or its default where it has __esModule", async () => {
  mkdirSync(join(kernel.folder, "node_modules/es"), { recursive: true });
  file("node_modules/es/package.json", '{ "name": "es", "version": "1.0.0", "main": "i.js", "types": "i.d.ts" }');
  file("node_modules/es/i.d.ts", "declare const d: { kind: string };\nexport default d;\nexport declare const other: number;\n");
  file(
    "node_modules/es/i.js",
    "Object.defineProperty(exports, '__esModule', { value: true }); exports.default = { kind: 'default' }; exports.other = 5;\n",
  );
  file(
    "es-user.ts",
    "import d, { other } from 'es';\nimport * as all from 'es';\nexport const seen = [d.kind, other, all.default.kind];\n",
  );
  expect(await shows('import d, { other } from "es"; import { seen } from "./es-user"; [d.kind, other, ...seen]')).toBe(
    "[ 'default', 5, 'default', 5, 'default' ]",
  );
  file("plain.cjs", "const o = { hidden: 1 }; o.later = 2; module.exports = o;\n");
  file("plain-user.ts", "// @ts-ignore\nimport o, { later } from './plain.cjs';\nexport const plain = [o.hidden, later];\n");
  expect(await shows('import { plain } from "./plain-user"; plain')).toBe("[ 1, 2 ]");
});

test("import(variable), also of a local file, and a circle of imports", async () => {
  file("one.ts", "export const name: string = 'one';\n");
  file("dynamic.ts", "export const get = async (n: string) => (await import(`./${n}`)).name as string;\n");
  expect(await shows('import { get } from "./dynamic"; [await get("one"), await get("one.ts")]')).toBe("[ 'one', 'one' ]");
  file("even.ts", "import { odd } from './odd';\nexport function even(n: number): boolean { return n === 0 || odd(n - 1) }\n");
  file(
    "odd.ts",
    "import { even } from './even';\nexport function odd(n: number): boolean { return n !== 0 && even(n - 1) }\nexport let calls = 1; export const bump = () => calls++;\n",
  );
  expect(await shows('import { even } from "./even"; import * as o from "./odd"; o.bump(); [even(10), o.odd(10), o.calls]')).toBe(
    "[ true, false, 2 ]",
  );
});

test("a type that is re-exported without the keyword type", async () => {
  file("types.ts", "export interface Row { n: number }\nexport type Id = string;\nexport class Real {}\n");
  file(
    "index.ts",
    "export { Row, Id as Key, Real } from './types';\nimport { Id } from './types';\nexport { Id };\nexport * from './types';\n",
  );
  expect(
    await shows('import { type Row, type Key, type Id, Real } from "./index"; const row: Row = { n: 1 }; [row.n, typeof Real]'),
  ).toBe("[ 1, 'function' ]");
});

test(".tsx and .jsx, by the function that a pragma or tsconfig.json names", async () => {
  file("h.ts", "export const h = (tag: unknown, props: object | null, ...children: unknown[]) => [tag, props, ...children];\n");
  file("view.tsx", "/** @jsx h */\nimport { h } from './h';\nexport const View = (p: { n: number }) => <b id='x'>{p.n}</b>;\n");
  file("old.jsx", "/** @jsx h */\nimport { h } from './h';\nexport const Old = () => <i/>;\n");
  expect(await shows('import { View } from "./view.tsx"; import { Old } from "./old.jsx"; [View({ n: 4 }), Old()]')).toBe(
    "[ [ 'b', { id: 'x' }, 4 ], [ 'i', null ] ]",
  );
  mkdirSync(join(kernel.folder, "node_modules/mini"), { recursive: true });
  file(
    "node_modules/mini/package.json",
    '{ "name": "mini", "version": "1.0.0", "type": "module", "exports": { "./jsx-runtime": "./r.js" } }',
  );
  file("node_modules/mini/r.js", "export const jsx = (tag, props) => ({ tag, ...props }); export const jsxs = jsx;\n");
  file("mini/tsconfig.json", '{ "compilerOptions": { "jsx": "react-jsx", "jsxImportSource": "mini" } }');
  file("mini/auto.tsx", "export const Auto = () => <u>text</u>;\n");
  expect(await shows('import { Auto } from "./mini/auto"; Auto()')).toBe("{ tag: 'u', children: 'text' }");
});

test("#name imports of package.json, in a cell and in a file", async () => {
  file("package.json", '{ "imports": { "#tool": "./src/tool.ts", "#js/*": "./src/*.js", "#dep": "es" } }');
  file("src/tool.ts", "import { deep } from '#js/deep';\nexport const tool = `tool ${deep}`;\n");
  file("src/deep.ts", "export const deep: string = 'deep';\n");
  expect(
    await shows('import { tool } from "#tool"; import { deep } from "#js/deep"; import dep from "#dep"; [tool, deep, dep.kind]'),
  ).toBe("[ 'tool deep', 'deep', 'default' ]");
});

test("JSON with a byte order mark, in a cell and in a file; a large one is any", async () => {
  file("bom.json", '\ufeff{ "k": [1, 2] }');
  file("reads.ts", "import data from './bom.json';\nexport const k = data.k;\n");
  expect(await shows('import bom, { k } from "./bom.json"; import { k as k2 } from "./reads"; [bom.k[0], k[1], k2]')).toBe(
    "[ 1, 2, [ 1, 2 ] ]",
  );
  file("big.json", JSON.stringify({ rows: Array.from({ length: 20_000 }, (_, i) => ({ i, [`k${i % 100}`]: "value" })) }));
  expect(await shows('import big, { rows } from "./big.json"; [big.rows.length, rows[7].i, big.no?.such?.name]')).toBe(
    "[ 20000, 7, undefined ]",
  );
});

test("stack lines are those of the TypeScript, with the path of the file", async () => {
  file(
    "throws.ts",
    "interface Long {\n  a: number;\n  b: number;\n}\n\nexport function fail(l: Long | undefined): never {\n  throw new Error(`no ${l}`);\n}\n",
  );
  const { text } = await failing('import { fail } from "./throws";\nfail(undefined)');
  expect(text).toContain(`at fail (${join(kernel.folder, "throws.ts")}:7:9)`);
  expect(text).toMatch(/at cell \d+:2:1/);
  file("throws.ts", "\nexport function fail(l?: unknown): never {\n  throw new Error(`no ${l}`);\n}\n");
  expect((await failing('import { fail as f2 } from "./throws"; f2()')).text).toContain(
    `${join(kernel.folder, "throws.ts")}:3:9`,
  );
  file("bad.ts", "export const x = ;\n");
  expect((await failing('import { x } from "./bad"')).evalue).toContain(
    `${join(kernel.folder, "bad.ts")}:1:18: Expression expected.`,
  );
});

test("legacy and parameter decorators run in a file", async () => {
  file("deco/tsconfig.json", '{ "compilerOptions": { "experimentalDecorators": true } }');
  file(
    "deco/legacy.ts",
    "function mark(target: object, key: string, d: PropertyDescriptor) { d.value = () => 'marked ' + key }\nexport class A { @mark run(): string { return '' } }\n",
  );
  file(
    "param.ts",
    "const seen: number[] = [];\nfunction at(_t: object, _k: string | undefined, i: number) { seen.push(i) }\nexport class B { m(_a: number, @at _b: number) {} }\nexport { seen };\n",
  );
  expect(await shows('import { A } from "./deco/legacy"; import { seen } from "./param"; [new A().run(), seen]')).toBe(
    "[ 'marked run', [ 1 ] ]",
  );
});

test("edited JavaScript modules are loaded again, also as imports of others; a failed or stopped one is tried again", async () => {
  file("low.mjs", "export const low = 1;\n");
  file("high.mjs", "import { low } from './low.mjs';\nexport const high = low * 10;\n");
  expect(await shows('const first = (await import("./high.mjs")).high; first')).toBe("10");
  file("low.mjs", "export const low = 25;\n");
  expect(await shows('(await import("./high.mjs")).high')).toBe("250");
  file(
    "fails.ts",
    "globalThis.tries = (globalThis.tries ?? 0) + 1;\nif (globalThis.tries < 2) throw new Error('once');\nexport const ok: number = globalThis.tries;\n",
  );
  expect((await failing('import { ok } from "./fails"; ok')).evalue).toBe("once");
  expect(await shows('import { ok } from "./fails"; ok')).toBe("2");
  file(
    "hangs.ts",
    "globalThis.begun = (globalThis.begun ?? 0) + 1;\nconsole.log('begun');\nif (globalThis.begun < 2) await new Promise(() => {});\nexport const done: number = globalThis.begun;\n",
  );
  const hanging = kernel.execute('import { done } from "./hangs"; done');
  await kernel.waitFor((m) => m.type === "stream" && m.content.text.includes("begun"));
  await kernel.request("interrupt_request", {}, "control");
  expect((await hanging).reply.ename).toBe("Interrupted");
  expect(await shows('import { done } from "./hangs"; done')).toBe("2");
});

test("a missing module or package: the error says what to do, in a cell, at run time and in a file", async () => {
  expect((await failing('import _ from "left-pad-ish"')).evalue).toContain(
    `Cannot find module 'left-pad-ish'. If it is an npm package: in a terminal, in ${kernel.folder}, run \`npm install left-pad-ish\``,
  );
  expect((await failing('const which = "@scope/absent/sub"; await import(which)')).evalue).toContain(
    "run `npm install @scope/absent`",
  );
  expect((await failing('require("absent-too")')).evalue).toContain("run `npm install absent-too`");
  file("lacks.ts", "import x from 'absent-three';\nexport const y = x;\n");
  const { evalue } = await failing('import { y } from "./lacks"; y');
  expect(evalue).toContain(`which ${join(kernel.folder, "lacks.ts")} imports. If it is an npm package`);
  expect((await failing('import z from "npm:zod@4"')).evalue).toContain('import "zod"');
  expect((await failing('import z from "https://esm.sh/zod"')).evalue).toContain("not loaded from the network");
  expect((await failing('import z from "numpy"')).evalue).toContain("Python package");
  expect((await failing('import z from "./Onne"')).evalue).toContain("There is no such file");
  // It is installed meanwhile.
  mkdirSync(join(kernel.folder, "node_modules/absent-too"), { recursive: true });
  file("node_modules/absent-too/package.json", '{ "name": "absent-too", "version": "1.0.0", "main": "i.js" }');
  file("node_modules/absent-too/i.js", "exports.here = true;\n");
  expect(await shows('require("absent-too").here')).toBe("true");
  expect(await shows('(await import("absent-too" as string)).here')).toBe("true");
  expect(await shows('import { here } from "absent-too"; [here, require("absent-too").here]')).toBe("[ true, true ]");
});
