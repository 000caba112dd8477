/**
 * `npm run fuzz -- [files|frames] [--n N] [--seed S]`: feeds damaged input to its readers. `files` (the default): model files to the lab.
 * `frames`: messages to a running kernel. The same seed repeats a run. `coverage [--seconds N] [--target NAME]`: libFuzzer over the executor.
 * Exits with 1 if there was a miss.
 */
import { runTarget } from "../support/targets.js";
import { fuzzCoverage } from "./coverage.js";
import { fuzzFiles } from "./files.js";
import { fuzzFrames } from "./frames.js";

if (process.argv[2] === "coverage") {
  try {
    process.exitCode = (await fuzzCoverage(process.argv.slice(3))) ? 0 : 1;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 2;
  }
} else {
  await runTarget(
    "fuzz",
    {
      files: async ({ n, seed }) => (await fuzzFiles(n, seed)) === 0,
      frames: async ({ n, seed }) => (await fuzzFrames(n, seed)) === 0,
    },
    200,
  );
}
