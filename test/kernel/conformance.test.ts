/** Jupyter's own conformance suite for kernels, three times in a row: every test passes, none is skipped. */
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { expect, test } from "vitest";

const TESTS = 13;
const ROUNDS = 3;

test("jupyter_kernel_test, every sample filled in", async () => {
  const python = resolve(".venv/bin/python");
  const child = spawn(python, [resolve("test/kernel/conformance.py"), String(ROUNDS)], { stdio: ["ignore", "ignore", "pipe"] });
  let report = "";
  child.stderr.on("data", (chunk: Buffer) => {
    report += chunk.toString();
  });
  const code = await new Promise((done, fail) => child.on("error", fail).on("close", done));
  expect(code, report).toBe(0);
  expect(report.match(/^Ran \d+ tests/gm)).toEqual(Array(ROUNDS).fill(`Ran ${TESTS} tests`));
  expect(report.match(/\.\.\. ok$/gm)).toHaveLength(ROUNDS * TESTS);
  expect(report).not.toMatch(/skipped|FAIL|ERROR/);
}, 180_000);
