/** Cells of any form run or are refused with the reason; syntax of other notebooks gets a hint what to do here. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Client } from "./client.js";

let kernel: Client;
beforeAll(async () => {
  kernel = await Client.start();
});
afterAll(() => kernel.close());

async function last(...cells: string[]): Promise<string | undefined> {
  let text: string | undefined;
  for (const cell of cells) {
    const answer = await kernel.execute(cell);
    expect(`${answer.reply.status} ${answer.reply.evalue ?? ""}`, cell).toBe("ok ");
    text = answer.text;
  }
  return text;
}

async function failing(cell: string): Promise<{ ename: string; evalue: string; text: string }> {
  const { reply } = await kernel.execute(cell);
  expect(reply.status, cell).toBe("error");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
  return { ...reply, text: reply.traceback.join("\n").replace(/\u001b\[\d+m/g, "") };
}

test("an object literal as last line is shown; a block stays one", async () => {
  expect(await last("{ a: 1, b: 2 }")).toBe("{ a: 1, b: 2 }");
  expect(await last("const one = 1\n{ one, two: 2 } // both")).toBe("{ one: 1, two: 2 }");
  expect(await last("const three = 3 // a comment\n\n{\n  three: three + 1,\n  [`k`]: 1\n};")).toBe("{ three: 4, k: 1 }");
  expect(await last("{ a: 1 }")).toBe("{ a: 1 }");
  expect(await last("let ran = 0\n{ ran = 1; let a = 2; ran += a }", "ran")).toBe("3");
  const { text } = await failing("const q = 1\n{ a: q,\n  b: nowhere2 }");
  expect(text).toMatch(/^cell \d+:3:6 - error TS2304/);
  expect((await failing("const r: any = null\n{ a: 1,\n  b: r.x }")).text).toMatch(/at cell \d+:3:8/);
});

test("export default, export { }, and the forms of export that are refused", async () => {
  expect(await last("export default [1, 2]")).toBe("[ 1, 2 ]");
  expect(await last("export default function named() { return 3 }", "named()")).toBe("3");
  expect(await last("export default class { static v = 1 }")).toMatch(/class/);
  expect(await last("export const ex = 1; const other = 2; export { other }", "[ex, other]")).toBe("[ 1, 2 ]");
  expect((await failing("const a5 = 1; export { a5 as b5 }")).evalue).toContain("write `const b5 = a5`");
  expect((await failing('export * from "node:os"')).evalue).toContain('Write `import … from "node:os"`');
});

test("module.exports, exports, require.main", async () => {
  expect(await last("module.exports = { f: 1 }; exports.g; require.main === module")).toBe("true");
  expect(await last("module.exports")).toBe("{ f: 1 }");
  // It is not a global, which packages would see.
  expect(await last("new Function('return typeof module')()")).toBe("'undefined'");
});

test("a shebang, and import() inside eval and new Function", async () => {
  expect(await last("#!/usr/bin/env node\n7")).toBe("7");
  expect(
    await last(
      `[typeof (await eval("import('node:os')")).cpus, typeof (await new Function("return import('node:fs')")()).statSync]`,
    ),
  ).toBe("[ 'function', 'function' ]");
});

test("JSX and legacy decorators are refused with the reason", async () => {
  expect((await failing("const v = <b>{1}</b>")).evalue).toContain("Cells cannot contain JSX");
  expect((await failing("function p(t: object, k: string, i: number) {}\nclass P { m(@p x: number) {} }")).evalue).toContain(
    '"experimentalDecorators": true',
  );
  expect((await failing("function l(t: object, k: string, d: PropertyDescriptor) {}\nclass L { @l m() {} }")).evalue).toContain(
    "standard decorators only: functions of (value, context)",
  );
});

test("internal names of variables never appear", async () => {
  await last(
    "let fetch: any = 5, module: any = 6; function URL() { throw new Error('from URL') } const Blob = () => 1; class Event {}",
  );
  const { evalue, text } = await failing("fetch()");
  expect([evalue, text.split("\n")[0]]).toEqual(["fetch is not a function", "TypeError: fetch is not a function"]);
  expect((await failing("URL()")).text).toMatch(/at URL \(cell/);
  expect(await last("[Blob.name, (URL as Function).name, Event.name, module]")).toBe("[ 'Blob', 'URL', 'Event', 6 ]");
  expect(await last("const { Headers = () => 1 } = {} as { Headers?: () => number }; Headers.name")).toBe("'Headers'");
});

test("magics, shell lines, installers and Python get a hint", async () => {
  const hints: Record<string, string> = {
    "%time load('x')": "console.time",
    "%%timeit\n1 + 1": "console.time",
    "%matplotlib inline": "Figures need no set-up",
    "%load_ext autoreload": "edited files are reloaded",
    "!ls": "execSync(`ls`",
    "const before = 1\n!ls -la *.ts": "execSync(`ls -la *.ts`",
    ls: "execSync(`ls`",
    "!pip install numpy": "pip and conda install Python packages",
    "%pip install numpy": "pip and conda install Python packages",
    "pip install numpy": "pip and conda install Python packages",
    "npm install zod": `in a terminal, in ${kernel.folder}: \`npm install zod\``,
    "!npm install zod": "`npm install zod`",
    "%cd models": 'process.chdir("models")',
    "%env A=1": 'process.env.A = "1"',
    "%%html\n<b>x</b>": 'display({ "text/html"',
    "%%bash\necho x": "execSync",
    "const c = 1\n?c": "For help on a name, make it a cell of its own: c?",
    "import numpy as np": "That is Python",
    "from torch import nn": "That is Python",
    "%frobnicate": "%frobnicate is an IPython magic",
  };
  for (const [cell, hint] of Object.entries(hints)) expect((await failing(cell)).evalue, cell).toContain(hint);
  // The code in the hint works.
  expect(await last('(await import("node:child_process")).execSync(`echo there`, { encoding: "utf8" })')).toBe("'there\\n'");
});

test("?x is x?", async () => {
  await last("/** What it is. */ const documented = 1");
  for (const cell of ["documented?", "?documented", "?? documented"]) {
    expect((await kernel.execute(cell)).reply.payload[0].data["text/plain"], cell).toContain("What it is.");
  }
});
