/** papermill: a notebook run from a script, with its outputs; a failing cell ends the run, and the copy shows where. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { codeCells, figureFaults, figures, read, text } from "../notebooks/notebook.js";
import { writeNotebook } from "../support/notebook.js";
import { runModule } from "./jupyter.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sparselab-papermill-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const papermill = (from: string, to: string, ...more: string[]) =>
  runModule("papermill", from, to, ...more, "--cwd", folder, "--no-progress-bar", "--log-level", "ERROR");

test("every cell runs, with its prints, results and figures", { timeout: 120_000 }, async () => {
  const from = writeNotebook(
    folder,
    "good.ipynb",
    "const t: number = 41;\nconst next = () => t + 1;",
    'for (let i = 0; i < 2000; i++) console.log("line", i);\nnext()',
    'import { show } from "sparselab";\nshow({ data: [{ x: [1, 2], y: [0, 3] }], layout: { title: { text: "one" } } });',
  );
  const to = join(folder, "good.out.ipynb");
  const { code, err } = await papermill(from, to);
  expect(code, err).toBe(0);
  const done = read(to);
  const [, printed] = codeCells(done);
  expect(codeCells(done).map((cell) => cell.execution_count)).toEqual([1, 2, 3]);
  const lines = printed!.outputs!.filter((output) => output.output_type === "stream").map((output) => text(output.text));
  expect(lines.join("")).toBe(Array.from({ length: 2000 }, (_, i) => `line ${i}\n`).join(""));
  const result = printed!.outputs!.find((output) => output.output_type === "execute_result");
  expect(text(result?.data?.["text/plain"] as string)).toBe("42");
  expect(figures(done).length).toBe(1);
  expect(figureFaults(figures(done)[0]!)).toEqual([]);
});

/** Gives the first cell the tag by which papermill finds the parameters. */
function tagFirst(path: string): string {
  const notebook = JSON.parse(readFileSync(path, "utf8"));
  notebook.cells[0].metadata.tags = ["parameters"];
  writeFileSync(path, JSON.stringify(notebook));
  return path;
}

test("parameters of any value arrive in a cell after the tagged one", { timeout: 120_000 }, async () => {
  const given = {
    t: 0.25,
    count: 9_007_199_254_740_991,
    small: 1e-7,
    label: 'quotes " and \\ and $' + "{t} and `ticks` and\u2028 and 😀\nand a second line",
    names: ["sparsity", "kl"],
    policy: { kind: "fatrelu", t: 1, "a key": [1, { b: null }], __proto__x: true },
    nothing: null,
    empty: {},
    on: true,
  };
  const from = tagFirst(
    writeNotebook(
      folder,
      "parameters.ipynb",
      "const t = 0.1; // the threshold\nconst count = 1, small = 0, label = '', names: string[] = [], policy = { kind: '', t: 0 }, nothing = 1, empty = 2, on = false, left = 'as it was'",
      "console.log(JSON.stringify({ t, count, small, label, names, policy, nothing, empty, on, left }));",
    ),
  );
  const values = join(folder, "values.json");
  // papermill reads YAML, where 1e-7 is a string and a bare U+2028 ends a line.
  writeFileSync(values, JSON.stringify(given).replaceAll("1e-7", "1.0e-7").replaceAll("\u2028", "\\u2028"));
  const to = join(folder, "parameters.out.ipynb");
  const { code, err } = await papermill(from, to, "-f", values);
  expect(code, err).toBe(0);
  const cells = codeCells(read(to));
  expect(text(cells[1]!.source)).toMatch(/^\/\/ Parameters\nlet t = 0\.25;\n/);
  expect(JSON.parse(text(cells[2]!.outputs![0]!.text!))).toEqual({ ...given, left: "as it was" });
});

test("numbers too large for JavaScript, invalid names, and the parameters of a notebook", {
  timeout: 120_000,
}, async () => {
  const from = tagFirst(
    writeNotebook(
      folder,
      "more.ipynb",
      "const big = 0n; // a large number\nlet t: number = 0.5",
      "console.log(typeof big, big, t)",
    ),
  );
  const to = join(folder, "more.out.ipynb");
  const { code, err } = await papermill(from, to, "-y", "{big: 9007199254740993, t: .inf}");
  expect(code, err).toBe(0);
  // papermill keeps the parameters in the notebook unchanged, and JSON cannot express them.
  writeFileSync(to, readFileSync(to, "utf8").replaceAll(": Infinity", ": null"));
  expect(text(codeCells(read(to))[2]!.outputs![0]!.text!)).toBe("bigint 9007199254740993n Infinity\n");
  const refused = await papermill(from, to, "-p", "not-a-name", "1");
  expect(refused.code).not.toBe(0);
  expect(refused.err).toContain('the parameter "not-a-name" cannot be a variable of TypeScript');
  const help = await runModule("papermill", "--help-notebook", from);
  expect(help.out).toMatch(/big: Unknown type \(default 0n\)\s+a large number/);
  expect(help.out).toMatch(/t: number \(default 0\.5\)/);
});

test("a type error ends the run at its cell, and the copy contains it", { timeout: 120_000 }, async () => {
  const from = writeNotebook(folder, "bad.ipynb", "const a = 1;", 'const b: number = "text";', 'console.log("never");');
  const to = join(folder, "bad.out.ipynb");
  const { code, err } = await papermill(from, to);
  expect(code).not.toBe(0);
  expect(err).toContain("Type 'string' is not assignable to type 'number'");
  // papermill marks the place with cells of its own.
  const cells = codeCells(read(to)).filter((cell) => /^(const|console)/.test(text(cell.source)));
  expect(cells.map((cell) => cell.outputs!.map((output) => output.output_type))).toEqual([[], ["error"], []]);
});
