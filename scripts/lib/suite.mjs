/**
 * One suite of `npm test`: a program run with its output shown and a time limit, and the count of passed and failed tests. A suite that ends
 * badly without a failed test (a crash, a time limit) counts as one failure.
 */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { inClone } from "./paths.mjs";

/** Runs a program with its output shown. Returns its exit code (1 where a signal or the time limit ended it) and its output. */
export function show(file, args, { minutes = 10, env = process.env } = {}) {
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd: inClone(), env, stdio: ["ignore", "pipe", "inherit"] });
    const chunks = [];
    child.stdout.on("data", (data) => {
      chunks.push(data);
      process.stdout.write(data);
    });
    const limit = setTimeout(() => {
      process.stdout.write(`\n${file} took longer than ${minutes} minutes and was stopped\n`);
      child.kill("SIGTERM");
      setTimeout(() => child.kill("SIGKILL"), 5000).unref();
    }, minutes * 60_000);
    const end = (code) => {
      clearTimeout(limit);
      resolve({ code, output: Buffer.concat(chunks).toString() });
    };
    child.on("error", (error) => {
      process.stdout.write(`${file} could not be started: ${error.message}\n`);
      end(1);
    });
    child.on("close", (code) => end(code ?? 1));
  });
}

const honest = (code, passed, failed) => ({ passed, failed: code !== 0 && failed === 0 ? 1 : failed });

/** A checker: one test for each program, which passes with exit code 0. */
export async function checks(...programs) {
  const total = { passed: 0, failed: 0 };
  for (const [file, args] of programs) {
    const { code } = await show(file, args);
    total[code === 0 ? "passed" : "failed"]++;
  }
  return total;
}

/** vitest with these arguments; the counts come from its report. */
export async function vitest(name, args, options) {
  mkdirSync(inClone("test", "output"), { recursive: true });
  const report = inClone("test", "output", `${name}.json`);
  rmSync(report, { force: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const program = inClone("node_modules", "vitest", "vitest.mjs");
  const { code } = await show(process.execPath, [program, "run", ...args, ...reporters], options);
  try {
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, "utf8"));
    // A skipped test counts as failed, so that it is not taken for passed.
    return honest(code, numPassedTests, numFailedTests + numPendingTests);
  } catch {
    return { passed: 0, failed: 1 };
  }
}

/** A program that ends with "N passed, N failed" on a line of its own. */
export async function counted(file, args) {
  const { code, output } = await show(file, args);
  const [, passed, failed] = output.match(/^(\d+) passed, (\d+) failed$/m) ?? [0, 0, 0];
  return honest(code, Number(passed), Number(failed));
}

/** Node's own test runner. */
export async function nodeTests(files) {
  const { code, output } = await show(process.execPath, ["--test", "--test-reporter=spec", ...files]);
  const number = (what) => Number(output.match(new RegExp(`^\\S+ ${what} (\\d+)$`, "m"))?.[1] ?? 0);
  return honest(code, number("pass"), number("fail"));
}
