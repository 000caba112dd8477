/** The notebooks as a course runs them: every cell, from the top, by nbclient with the real kernel. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeNotebook } from "../support/notebook.js";
import {
  codeCells,
  folder as committed,
  figureFaults,
  figures,
  machinePaths,
  notebooks,
  outputs,
  read,
  root,
  text,
} from "./notebook.js";

interface Finding {
  readonly notebook: string;
  readonly executed: string;
  readonly cells: number;
  readonly seconds: readonly (number | null)[];
  readonly problems: readonly string[];
}

function run(...paths: string[]): Promise<{ code: number; findings: Finding[]; errors: string }> {
  const python = join(root, ".venv", "bin", "python");
  return new Promise((resolve) => {
    execFile(
      python,
      [join(root, "test", "notebooks", "run.py"), "--json", ...paths],
      { maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        const code = error ? Number(error.code) : 0;
        resolve({ code, findings: stdout.startsWith("[") ? (JSON.parse(stdout) as Finding[]) : [], errors: stderr });
      },
    );
  });
}

test("every notebook runs from top to bottom, its plots with all their forms", { timeout: 600_000 }, async () => {
  const { findings, errors } = await run(...notebooks.map((name) => join(committed, name)));
  expect(
    findings.map(({ notebook }) => notebook),
    errors,
  ).toEqual(notebooks);
  for (const { notebook, executed, problems, cells, seconds } of findings) {
    expect(problems, notebook).toEqual([]);
    expect(cells, notebook).toBeGreaterThanOrEqual(8);
    for (const time of seconds) expect(time, notebook).toBeLessThanOrEqual(50);
    const done = read(executed);
    expect(figures(done).length, notebook).toBeGreaterThanOrEqual(3);
    for (const figure of figures(done)) expect(figureFaults(figure), text(figure.data!["text/plain"] as string)).toEqual([]);
    expect(machinePaths(JSON.stringify(outputs(done))), notebook).toEqual([]);
    // The kernel's own language_info: otherwise JupyterLab changes the notebook when it is opened.
    expect(read(join(committed, notebook)).metadata.language_info, notebook).toEqual(done.metadata.language_info);
  }
});

describe("a notebook of its own", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sparselab-notebook-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const notebook = (name: string, ...cells: string[]): string => writeNotebook(folder, name, ...cells);

  test("loses no line of a stream, however it is printed", { timeout: 120_000 }, async () => {
    const at = notebook(
      "streams.ipynb",
      'for (let i = 0; i < 20_000; i++) console.log("line", i);',
      "for (let i = 0; i < 300; i++) { await new Promise((resolve) => setImmediate(resolve)); process.stdout.write(i + '\\n'); }",
    );
    const { findings, errors } = await run(at);
    expect(findings[0]?.problems, errors).toEqual([]);
    const printed = codeCells(read(findings[0]!.executed)).map(({ outputs }) =>
      outputs!.map((output) => text(output.text)).join(""),
    );
    expect(printed[0]).toBe(Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join(""));
    expect(printed[1]).toBe(Array.from({ length: 300 }, (_, i) => `${i}\n`).join(""));
  });

  test("ends a live figure with its last state and its picture, however fast it was updated", {
    timeout: 120_000,
  }, async () => {
    const at = notebook(
      "live.ipynb",
      `import { show } from "sparselab";
const figure = (n: number) => ({ data: [{ x: [1, 2], y: [0, n] }], layout: { title: { text: \`state \${n}\` } } });
const live = show(figure(0));
for (let n = 1; n <= 500; n++) { live.update(figure(n)); await new Promise((resolve) => setTimeout(resolve, 1)); }`,
    );
    const { findings, errors } = await run(at);
    expect(findings[0]?.problems, errors).toEqual([]);
    const shown = figures(read(findings[0]!.executed));
    expect(shown.map(({ data }) => text(data!["text/plain"] as string))).toEqual(["state 500"]);
    expect(figureFaults(shown[0]!)).toEqual([]);
  });

  test("fails where a cell fails, and says which", { timeout: 120_000 }, async () => {
    const { code, findings } = await run(notebook("error.ipynb", "const a = 1;", 'throw new RangeError("too far");', "a"));
    expect(code).toBe(1);
    expect(findings[0]!.problems).toContain("cell 2: RangeError: too far");
    expect(findings[0]!.problems).toContain("cell 3 did not run");
  });
});
