/** Completion, help and is_complete; and imports from the notebook's folder. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "./client.js";

let kernel: Client;
beforeAll(async () => {
  // A folder below another one, which cells import from as well.
  const notebooks = join(mkdtempSync(join(tmpdir(), "sparselab-ask-")), "notebooks");
  mkdirSync(notebooks);
  kernel = await Client.start(notebooks);
  await kernel.execute(
    "/** What it does. */\nfunction documented(count: number, name = 'x'): string[] { return [] }\nconst record = { alphaField: 1, beta: 'b' }; let 変数 = 1;",
  );
});
afterAll(async () => {
  await kernel.close();
  rmSync(dirname(kernel.folder), { recursive: true });
});

const complete = async (code: string, cursor = [...code].length) =>
  (await kernel.request("complete_request", { code, cursor_pos: cursor })).reply;
const inspect = async (code: string, cursor = [...code].length, detail = 0) =>
  (await kernel.request("inspect_request", { code, cursor_pos: cursor, detail_level: detail })).reply;

describe("completion", () => {
  test("members and names of earlier cells, with kinds", async () => {
    const reply = await complete("record.al");
    expect(reply).toMatchObject({ status: "ok", matches: ["alphaField"], cursor_start: 7, cursor_end: 9 });
    expect(reply.metadata._jupyter_types_experimental[0]).toMatchObject({
      text: "alphaField",
      type: "property",
      start: 7,
      end: 9,
    });
    const names = await complete("docum");
    expect(names.matches).toContain("documented");
    expect((await complete("変")).matches).toContain("変数");
  });

  test("offsets count code points after emoji, and the middle of a cell works", async () => {
    const code = 'const s = "🙂🙂"; record.be; s';
    const cursor = [...'const s = "🙂🙂"; record.be'].length;
    const reply = await complete(code, cursor);
    expect(reply.matches).toEqual(["beta"]);
    expect([...code].slice(reply.cursor_start, reply.cursor_end).join("")).toBe("be");
  });

  test("strings of a union type, imports of a module, globals of every cell", async () => {
    expect((await complete('const pick: "left" | "right" = "le')).matches).toEqual(["left"]);
    expect((await complete("import { readFileS } from 'node:fs'", 18)).matches).toContain("readFileSync");
    expect((await complete("clearOu")).matches).toEqual(["clearOutput"]);
    expect((await complete("import { loa } from 'sparselab'", 12)).matches).toContain("load");
    for (const name of ["input", "password", "display"]) expect((await complete(name.slice(0, -1))).matches).toContain(name);
  });

  test("hook points inside a string, for all layers, one layer and a range", async () => {
    await kernel.execute('import { ablate, load, tinyWorld } from "sparselab"; const model = await load(tinyWorld);');
    const whole = await complete('model.run("x", { capture: "');
    expect(whole.matches).toEqual(expect.arrayContaining(["embed", "blocks.*.ffn.mid", "blocks.*.resid_pre"]));
    const at = async (code: string) => {
      const { matches, cursor_start, cursor_end } = await complete(code.replace("|", ""), [...code].indexOf("|"));
      return { matches, replaced: [...code.replace("|", "")].slice(cursor_start, cursor_end).join("") };
    };
    const ffn = ["add", "gate", "gate_pre", "in", "mid", "out", "up", "up_pre"];
    expect(await at('model.run("🙂", { capture: "blocks.3.ffn.|" })')).toEqual({
      matches: ffn.map((point) => `blocks.3.ffn.${point}`),
      replaced: "blocks.3.ffn.",
    });
    expect((await at('model.run("x", { capture: ["embed", "blocks.0-2.ffn.m|')).matches).toEqual(["blocks.0-2.ffn.mid"]);
    expect((await at('ablate("blocks.12.resid_p|st")')).matches).toEqual(["blocks.12.resid_post", "blocks.12.resid_pre"]);
    expect((await at('model.run("blocks.3.|")')).matches).toEqual([]);
  });

  test("a string of a union after ===, in a case, and on the left", async () => {
    await kernel.execute('let side = "left" as "left" | "right"');
    for (const code of ['side === "', "if (side !== '", 'switch (side) { case "', 'if (side === "le', 'if (side == "']) {
      expect((await complete(code)).matches, code).toContain("left");
    }
    expect((await complete('"" === side', 1)).matches).toContain("right");
  });

  test("paths in a string: folders first, then models, for arguments that are paths and strings that look like one", async () => {
    mkdirSync(join(kernel.folder, "models/deep"), { recursive: true });
    for (const name of ["models/a.txt", "models/b.gguf", "models/.hidden", "text.txt"])
      writeFileSync(join(kernel.folder, name), "");
    const at = async (code: string) => {
      const { matches, cursor_start, cursor_end } = await complete(code);
      return [matches, [...code].slice(cursor_start, cursor_end).join("")];
    };
    expect(await at('load("models/')).toEqual([["deep/", "b.gguf", "a.txt"], ""]);
    expect(await at('await load("models/b')).toEqual([["b.gguf"], "b"]);
    expect((await at('load("mo'))[0]).toEqual(["models/"]);
    expect((await at("m.corpus('./tex"))[0]).toEqual(["text.txt"]);
    expect((await at('const p = "./models/.h'))[0]).toEqual([".hidden"]);
    expect((await at('fs.readFileSync("te'))[0]).toEqual(["text.txt"]);
    expect((await at('await import("./mod'))[0]).toEqual([expect.stringMatching(/^models\/?$/)]);
    expect(await at('console.log("mo')).toEqual([[], expect.anything()]);
    expect((await complete('load("models/")', 13)).matches).toContain("b.gguf");
  });

  test("members, names and kinds are those of the last declaration", async () => {
    await kernel.execute(
      "enum Kind { First, Second } namespace Space { export const inside = 1 } function act() {} class Thing {} interface Shape { q: 1 }",
    );
    const kinds = async (code: string) =>
      (await complete(code)).metadata._jupyter_types_experimental.map((m: { text: string; type: string }) => [m.text, m.type]);
    expect(await kinds("Kind.Fir")).toEqual([["First", "enum member"]]);
    expect(await kinds("Space.")).toContainEqual(["inside", "instance"]);
    expect(await kinds("ac")).toContainEqual(["act", "function"]);
    expect(await kinds("new Thin")).toContainEqual(["Thing", "class"]);
    expect(await kinds("let s: Shap")).toContainEqual(["Shape", "interface"]);
    await kernel.execute("class act { static now = 1 }");
    expect((await complete("act.no")).matches).toEqual(["now"]);
  });
});

describe("help", () => {
  test("signature and documentation as text and markdown", async () => {
    const reply = await inspect("documented", 4);
    expect(reply).toMatchObject({ status: "ok", found: true });
    expect(reply.data["text/plain"]).toContain("function documented(count: number, name?: string): string[]");
    expect(reply.data["text/plain"]).toContain("What it does.");
    expect(reply.data["text/markdown"]).toContain("```typescript");
    // Names of Node and of the language, whose comments are read on demand.
    expect((await inspect("parseInt(")).data["text/markdown"]).toMatch(
      /^```typescript\nfunction parseInt\(.*Converts a string to an integer\..*\*@param\* string/s,
    );
    expect((await inspect("console.log", 10)).data["text/plain"]).toContain("Prints to `stdout` with newline.");
    expect((await inspect("load", 2)).data["text/plain"]).toContain("*@throws*".slice(1, -1));
  });

  test("inside the parentheses of a call, after emoji, and of nothing", async () => {
    expect((await inspect("documented(")).data["text/plain"]).toContain("documented(count: number, name?: string): string[]");
    expect((await inspect('"🙂"; record', 8)).data["text/plain"]).toContain("alphaField: number");
    expect(await inspect("   ", 1)).toMatchObject({ status: "ok", found: false, data: {} });
  });
});

test("help for types and interfaces: those of cells, of modules and of the language", async () => {
  await kernel.execute(
    'import type { Stats } from "node:fs";\n/** A point. */\ninterface Point2 { x: number; y: number }\ntype Pair<T> = [T, T]; class Box<T> { v?: T } enum Hue { Red }',
  );
  const plain = async (code: string) => (await inspect(code)).data["text/plain"];
  expect(await plain("Point2")).toMatch(/^interface Point2\n\nA point\.\n\n[\s\S]*x: number; y: number/);
  expect(await plain("Pair")).toContain("type Pair<T> = [T, T]");
  expect(await plain("Box")).toContain("class Box<T>");
  expect(await plain("Hue")).toContain("enum Hue");
  expect(await plain("Stats")).toMatch(/(?:interface|class) Stats/);
  expect(await plain("Partial")).toContain("type Partial<T>");
  expect(await plain("let p: Point2")).toContain("interface Point2");
  expect(await plain("NodeJS.Timeout")).toContain("Timeout");
  expect((await kernel.execute("Point2?")).reply.payload[0].data["text/plain"]).toContain("y: number");
  expect((await inspect("Nowhere")).found).toBe(false);
});

test("a name with a question mark opens its documentation", async () => {
  const { reply } = await kernel.execute("documented?");
  expect(reply.payload).toEqual([
    { source: "page", start: 0, data: expect.objectContaining({ "text/plain": expect.stringContaining("What it does.") }) },
  ]);
  expect((await kernel.execute("nowhere?")).reply).toMatchObject({ status: "error", evalue: "no documentation for nowhere" });
});

test("is_complete", async () => {
  const answers: Record<string, string> = {
    "const a = 1": "complete",
    "await fetch('x')": "complete",
    "function f() {": "incomplete",
    "const t = `open": "incomplete",
    "/* open": "incomplete",
    "[1, 2,": "incomplete",
    "const = 5 )": "invalid",
    "const s = 'open\nmore": "invalid",
    "'open": "invalid",
    'f("open': "invalid",
    "const r = /open": "invalid",
    "'open \\": "incomplete",
    "{ a: 1, b: 2 }": "complete",
    "{ a: 1,": "incomplete",
    "{ a: 1, b: ": "incomplete",
    "{ a: 1, b: 2 } }": "invalid",
    "record?": "complete",
    "?record": "complete",
    "%time f()": "complete",
    "!ls": "complete",
    "#!/usr/bin/env node": "complete",
  };
  for (const [code, status] of Object.entries(answers)) {
    expect((await kernel.request("is_complete_request", { code })).reply.status, code).toBe(status);
  }
  expect((await kernel.request("is_complete_request", { code: "if (x) {" })).reply.indent).toBe("  ");
});

describe("imports", () => {
  const run = async (code: string) => {
    const { reply, text } = await kernel.execute(code);
    expect(`${reply.status} ${reply.evalue ?? ""}`, code).toBe("ok ");
    return text;
  };
  const file = (name: string, text: string): void => writeFileSync(join(kernel.folder, name), text);

  test("a cell of imports alone, types and values mixed; a missing name is an error", async () => {
    await run(
      'import * as fs from "node:fs"; import { join, type ParsedPath } from "node:path"; import type { Stats } from "node:fs"; import os from "node:os";',
    );
    expect(await run('let parsed: ParsedPath | Stats | undefined; [join("a", "b"), typeof fs.statSync, typeof os.cpus]')).toBe(
      "[ 'a/b', 'function', 'function' ]",
    );
    expect((await kernel.execute('import { missing } from "node:fs"')).reply.evalue).toContain("no exported member 'missing'");
    const unchecked = await kernel.execute('// @ts-nocheck\nimport { missing } from "node:fs"; missing');
    expect(unchecked.reply.evalue).toBe("The requested module 'node:fs' does not provide an export named 'missing'");
  });

  test("sparselab is found in a folder without node_modules, types and values", async () => {
    expect(
      await run(
        'import { load, LabError, type Model } from "sparselab"; let m: Model | undefined; [typeof load, typeof LabError]',
      ),
    ).toBe("[ 'function', 'function' ]");
    expect((await kernel.execute('load("x.gguf", { activation: "fatrelu-0.01" })')).reply.ename).toBe("TypeScriptError");
  });

  test("local TypeScript by every form of specifier, with its imports, edited in between", async () => {
    mkdirSync(join(kernel.folder, "sub"), { recursive: true });
    file("sub/deep.ts", "export enum Level { Low = 1, High }\nexport const scale: number = 2;\n");
    file(
      "local.ts",
      "import { scale, Level } from './sub/deep.js';\nexport interface Row { n: number }\nexport const row: Row = { n: scale * Level.High };\nexport default 'd';\n",
    );
    expect(await run('import def, { row, type Row } from "./local"; const r: Row = row; [r.n, def]')).toBe("[ 4, 'd' ]");
    expect(
      await run('import * as again from "./local.ts"; import { Level } from "./sub/deep.js"; [again.row === row, Level.High]'),
    ).toBe("[ true, 2 ]");
    file(
      "sub/deep.ts",
      "export enum Level { Low = 1, High = 50 }\nexport const scale: number = 3;\nexport const added = 'new';\n",
    );
    expect(await run('import { row } from "./local"; import { added } from "./sub/deep"; [row.n, added]')).toBe("[ 150, 'new' ]");
  });

  test("a file of the folder above, and what it imports from here", async () => {
    file("../above.ts", 'export { here } from "./notebooks/here.js";\nexport type Pair = [number, number];\n');
    file("here.ts", "export const here: number = 4;\n");
    expect(await run('import { here, type Pair } from "../above"; const pair: Pair = [here, 1]; pair')).toBe("[ 4, 1 ]");
    file("here.ts", "export const here: number = 40;\n");
    expect(await run('import { here as again } from "../above.ts"; again')).toBe("40");
    expect((await kernel.execute('import { here } from "../above"; here.toUpperCase()')).reply.evalue).toContain(
      "Property 'toUpperCase' does not exist on type 'number'",
    );
  });

  test("a local file that was missing is found once it exists", async () => {
    expect((await kernel.execute('import { x } from "./soon"')).reply.evalue).toContain("Cannot find module './soon'");
    file("soon.ts", "export const x = 1;\n");
    expect(await run('import { x } from "./soon"; x')).toBe("1");
    file("Imports.ts", 'import { y } from "./later";\nexport const z = y;\n');
    expect((await kernel.execute('import { z } from "./Imports"')).reply.ename).toBe("Error");
    file("later.ts", "export const y: string = 'there';\n");
    expect(await run('import { z } from "./Imports"; z satisfies string')).toBe("'there'");
    expect((await kernel.execute('import { z } from "./Imports"; z satisfies number')).reply.ename).toBe("TypeScriptError");
  });

  test("JavaScript, CommonJS, JSON, a package, and a module with top-level await", async () => {
    file("plain.mjs", "export const m = await Promise.resolve('esm');\n");
    file("old.cjs", "const o = { hidden: 1 }; o.later = 2; module.exports = o;\n");
    file("data.json", '{ "k": [1, 2] }');
    mkdirSync(join(kernel.folder, "node_modules/pkg"), { recursive: true });
    file(
      "node_modules/pkg/package.json",
      '{ "name": "pkg", "version": "1.0.0", "type": "module", "exports": { "import": "./i.js" } }',
    );
    file("node_modules/pkg/i.js", "export const who = 'package';\n");
    file("tla.ts", "export const t: string = await Promise.resolve('ts');\n");
    expect(
      await run(
        'import { m } from "./plain.mjs"; import old from "./old.cjs"; import data from "./data.json"; [m, old.later, data.k[1]]',
      ),
    ).toBe("[ 'esm', 2, 2 ]");
    expect(await run('import { who } from "pkg"; import { t } from "./tla"; [who, t]')).toBe("[ 'package', 'ts' ]");
    expect(await run("[typeof require('node:fs').statSync, __dirname === process.cwd()]")).toBe("[ 'function', true ]");
  });
});
