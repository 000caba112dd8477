/**
 * `npm run fuzz -- [files|frames] [--n N] [--seed S]`: feeds damaged input to its readers. `files` (the default): model files to the lab.
 * `frames`: messages to a running kernel. The same seed repeats a run. Exits with 1 if there was a miss.
 */
import { runTarget } from "../support/targets.js";
import { fuzzFiles } from "./files.js";
import { fuzzFrames } from "./frames.js";

await runTarget(
  "fuzz",
  {
    files: async ({ n, seed }) => (await fuzzFiles(n, seed)) === 0,
    frames: async ({ n, seed }) => (await fuzzFrames(n, seed)) === 0,
  },
  200,
);
