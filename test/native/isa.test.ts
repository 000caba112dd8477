/**
 * The kernels are compiled once for each instruction set, with flags of their own. A function that two of those files share by name (a
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

const runTests = (isa: string, filter: string) =>
  spawnSync(tests, [filter], { env: { ...process.env, SPARSELAB_ISA: isa }, encoding: "utf8" });

describe("kernels by instruction set", () => {
  test("no file of them has a weak symbol", () => {
    const files = readdirSync(objects).filter((name) => name.endsWith(".o"));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const symbols = execFileSync("nm", [join(objects, file)], { encoding: "utf8" });
      expect(symbols).toMatch(/ [DdRr] .*Kernels/); // the table is there, so nm could read the file
      expect(symbols.split("\n").filter((line) => / [VvWwuB] /.test(line))).toEqual([]);
    }
  });

  test("the executor keeps its promises on the plain kernels too", () => {
    const { stdout, status } = runTests("plain", "invariant");
    expect(stdout).toMatch(/^[1-9]\d* passed, 0 failed$/m);
    expect(status).toBe(0);
  });

  test("SPARSELAB_ISA that this machine does not run is an error that names those it does", () => {
    const { stdout, status } = runTests("avx1024", "ffn: every activation");
    expect(stdout).toMatch(/SPARSELAB_ISA is "avx1024"; this machine runs .*plain/);
    expect(status).toBe(1);
  });
});
