/** Jupyter's own conformance suite for kernels: every test passes, none is skipped. */
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { expect, test } from "vitest";

test("jupyter_kernel_test, every sample filled in", async () => {
  const python = resolve(".venv/bin/python");
  const child = spawn(python, [resolve("test/kernel/conformance.py")], { stdio: ["ignore", "ignore", "pipe"] });
  let report = "";
  child.stderr.on("data", (chunk: Buffer) => {
    report += chunk.toString();
  });
  const code = await new Promise((done, fail) => child.on("error", fail).on("close", done));
  expect(code, report).toBe(0);
  expect(report).toMatch(/Ran 13 tests/);
  expect(report).not.toContain("skipped");
}, 120_000);
