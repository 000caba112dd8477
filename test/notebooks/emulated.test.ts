/** The first notebook on the CUDA backend, which the emulator runs: every cell, with fewer tokens, and the numbers are those of the CPU. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { codeCells, folder as committed, read, root, text } from "./notebook.js";

const FIRST = "01-sparsity-against-quality.ipynb";
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sparselab-emulated-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the cells print on a device. */
async function printed(device: string): Promise<string> {
  const own = join(folder, device);
  mkdirSync(own);
  symlinkSync(join(committed, "models"), join(own, "models"));
  const changes: [from: string, to: string][] = [
    ['load(tinyWorld, { activation: \\"relu\\" })', `load(tinyWorld, { activation: \\"relu\\", device: \\"${device}\\" })`],
    ["load(tinyWorld);", `load(tinyWorld, { device: \\"${device}\\" });`],
    ['tiny-world-dense.q8_0.gguf\\")', `tiny-world-dense.q8_0.gguf\\", { device: \\"${device}\\" })`],
    ["maxTokens: 2048", "maxTokens: 256"],
    ['measure: [\\"sparsity\\", \\"perplexity\\"', 'window: 128, measure: [\\"sparsity\\", \\"perplexity\\"'],
  ];
  let source = readFileSync(join(committed, FIRST), "utf8");
  for (const [from, to] of changes) {
    expect(source, from).toContain(from);
    source = source.replaceAll(from, to);
  }
  const path = join(own, `emulated-${device}.ipynb`);
  writeFileSync(path, source);
  const { stdout } = await promisify(execFile)(
    join(root, ".venv", "bin", "python"),
    [join(root, "test", "notebooks", "run.py"), "--json", "--cell-seconds", "300", path],
    { maxBuffer: 1 << 26, env: { ...process.env, SPARSELAB_CUDA: "emulated" } },
  ).catch((error: { stdout: string }) => error);
  const [finding] = JSON.parse(stdout) as { executed: string; problems: string[] }[];
  expect(finding!.problems).toEqual([]);
  return codeCells(read(finding!.executed))
    .flatMap(({ outputs }) => outputs!.map((output) => text((output.text ?? output.data?.["text/plain"] ?? "") as string)))
    .join("\n");
}
const numbers = (of: string) => (of.match(/-?\d+\.\d+/g) ?? []).map(Number);

test("notebook 01 with 256 tokens", { timeout: 600_000 }, async () => {
  const [gpu, cpu] = [await printed("cuda"), await printed("cpu")];
  expect(gpu).toContain("cuda:0 (emulated)");
  // Numbers with a decimal point; but memory, in the model's display, and times are of the device.
  const lines = (of: string) => of.split("\n").filter((line) => !/^Model |done after/.test(line));
  const table = (of: string) => numbers(lines(of).join("\n"));
  const [a, b] = [table(gpu), table(cpu)];
  expect(a.length).toBeGreaterThan(40);
  expect(a.length).toBe(b.length);
  for (let i = 0; i < a.length; i++)
    expect(Math.abs(a[i]! - b[i]!), `number ${i}`).toBeLessThanOrEqual(0.02 + 0.002 * Math.abs(b[i]!));
});
