/** papermill: a notebook run from a script, its outputs kept; a cell that fails ends the run, and the copy says where. */
import { mkdtempSync, rmSync } from "node:fs";
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

const papermill = (from: string, to: string) =>
  runModule("papermill", from, to, "--cwd", folder, "--no-progress-bar", "--log-level", "ERROR");

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

test("a type error ends the run at its cell, and the copy keeps it", { timeout: 120_000 }, async () => {
  const from = writeNotebook(folder, "bad.ipynb", "const a = 1;", 'const b: number = "text";', 'console.log("never");');
  const to = join(folder, "bad.out.ipynb");
  const { code, err } = await papermill(from, to);
  expect(code).not.toBe(0);
  expect(err).toContain("Type 'string' is not assignable to type 'number'");
  // papermill marks the place with cells of its own.
  const cells = codeCells(read(to)).filter((cell) => /^(const|console)/.test(text(cell.source)));
  expect(cells.map((cell) => cell.outputs!.map((output) => output.output_type))).toEqual([[], ["error"], []]);
});
