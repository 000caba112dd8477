/** README.md is correct: its cell runs on the kernel, and each of its commands succeeds. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { load, tinyWorld } from "../../lab/index.js";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..", "..");
const readme = readFileSync(join(root, "README.md"), "utf8");
/** The fenced blocks of a language. */
const blocks = (language: string) =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\n([^]+?)^\`\`\``, "gm"))].map((match) => match[1]!);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sparselab-readme-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A printed line as a terminal or a notebook shows it: the part after its last carriage return. */
const shownLines = (printed: string) => printed.split("\n").map((line) => line.replace(/^.*\r/, ""));

test("the cell prints the loudest neurons and then its points, one a line", { timeout: 240_000 }, async () => {
  const cells = blocks("ts");
  expect(cells.length).toBe(1);
  const path = join(folder, "readme.ipynb");
  // Its text is in the notebooks folder.
  const source = cells[0]!.replace('corpus("models', `corpus("${join(root, "notebooks", "models")}`);
  const cell = { cell_type: "code", id: "readme", metadata: {}, source, outputs: [], execution_count: null };
  const kernelspec = { name: "sparselab", display_name: "sparselab", language: "typescript" };
  writeFileSync(path, JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: { kernelspec }, cells: [cell] }));
  await run(join(root, ".venv", "bin", "jupyter"), ["execute", "--inplace", path]);
  const saved = JSON.parse(readFileSync(path, "utf8")) as { cells: { outputs: { name?: string; text?: string | string[] }[] }[] };
  const printed = saved.cells[0]!.outputs.filter(({ name }) => name === "stdout").flatMap(({ text }) => text ?? []);
  const lines = shownLines(printed.join(""));
  const points = lines.filter((line) => line.includes("kind: 'fatrelu'"));
  expect(points.length).toBe(6);
  for (const point of points) expect(point).toMatch(/^\s*\{ kind: 'fatrelu', t: [\d.]+ \} 0\.\d+ \d+\.\d+$/);

  // The loudest are those of the largest |x₁|, whatever their sign.
  const model = await load(tinyWorld, { activation: "relu" });
  const { cache } = await model.run("Milo went to Tidewick.", { capture: "blocks.*.ffn.mid" });
  const loudness = cache.get("blocks.*.ffn.mid").at({ layer: 3, token: -1 }).data.map(Math.abs);
  const loudest = [...loudness.keys()].sort((a, b) => loudness[b]! - loudness[a]!).slice(0, 3);
  model.dispose();
  expect([...printed.join("").matchAll(/neuron: (\d+)/g)].map((match) => Number(match[1]))).toEqual(loudest);
});

test("each command of the command line succeeds", { timeout: 240_000 }, async () => {
  const commands = blocks("sh").flatMap((block) => block.split("\n").filter((line) => line.startsWith("npx sparselab ")));
  expect(commands.length).toBeGreaterThanOrEqual(5);
  for (const command of commands) {
    // Its files are written to the temporary folder.
    const words = command.match(/"[^"]*"|\S+/g)!.slice(2);
    const args = words.map((word, i) => (words[i - 1] === "--out" ? join(folder, word) : word.replaceAll('"', "")));
    const { stdout, stderr } = await run(process.execPath, ["dist/cli/main.js", ...args], { cwd: root });
    expect(stdout + stderr, command).not.toBe("");
  }
});
