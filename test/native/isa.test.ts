/**
 * The kernels are compiled once for each instruction set, with flags of their own. A function with the same name in two of those files (a
 * weak symbol) could be taken from the wrong one, and an AVX-512 instruction would reach a machine without it. So they share none.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const tests = join(root, "build", "release", "sparselab_tests");
const objects = join(root, "build", "release", "CMakeFiles", "sparselab_core.dir", "native", "cpu", "isa");

const runTests = (isa: string, ...filters: string[]) =>
  spawnSync(tests, filters, { env: { ...process.env, SPARSELAB_ISA: isa }, encoding: "utf8" });

describe("kernels by instruction set", () => {
  test("no object file has a weak symbol", () => {
    const files = readdirSync(objects).filter((name) => name.endsWith(".o"));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const symbols = execFileSync("nm", [join(objects, file)], { encoding: "utf8" });
      expect(symbols).toMatch(/ [DdRr] .*Kernels/); // the table is there, so nm could read the file
      expect(symbols.split("\n").filter((line) => / [VvWwuB] /.test(line))).toEqual([]);
    }
  });

  /** The sets that this machine runs, read from the error about an unknown set. */
  const runnable = () => {
    const { stdout } = runTests("avx1024", "ffn: every activation");
    return stdout.match(/SPARSELAB_ISA is "avx1024"; this machine runs ([a-z0-9, ]*plain)/)?.[1]?.split(", ") ?? [];
  };

  test("SPARSELAB_ISA with a set that this machine lacks is an error that names those it has", () => {
    expect(runnable()).toContain("plain");
    expect(runTests("avx1024", "ffn: every activation").status).toBe(1);
  });

  test("on each set that this machine runs the executor gives the golden bits and keeps its promises", () => {
    for (const isa of runnable()) {
      const { stdout, status } = runTests(isa, "[cpu] golden: ", "[cpu] invariant: ", "exact: ", "[cpu] down: ");
      expect(`${isa}: ${stdout}`).toMatch(/^[a-z0-9]+: \d{2} passed, 0 failed\n$/);
      expect(status).toBe(0);
    }
  }, 120_000);
});
