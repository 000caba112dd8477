/**
 * `npm run fuzz -- [files|frames] [--n N] [--seed S]`: feeds damaged input to its readers. `files` (the default): model files to the lab.
 * `frames`: messages to a running kernel. The same seed repeats a run. Exits with 1 if there was a miss.
 */
import { parseArgs } from "node:util";
import { fuzzFiles } from "./files.js";
import { fuzzFrames } from "./frames.js";

const TARGETS: Readonly<Record<string, (n: number, seed: number) => Promise<number>>> = { files: fuzzFiles, frames: fuzzFrames };

function wrong(): never {
  console.error("usage: npm run fuzz -- [files|frames] [--n COUNT] [--seed NUMBER], whole numbers");
  process.exit(2);
}

function options() {
  try {
    return parseArgs({ options: { n: { type: "string", default: "200" }, seed: { type: "string" } }, allowPositionals: true });
  } catch {
    return wrong();
  }
}

const { values, positionals } = options();
const n = Number(values.n);
const seed = values.seed === undefined ? Math.floor(Math.random() * 1e9) : Number(values.seed);
const [target = "files", ...rest] = positionals;
const fuzz = Object.hasOwn(TARGETS, target) ? TARGETS[target]! : wrong();
if (rest.length || !Number.isInteger(n) || n < 1 || !Number.isInteger(seed)) wrong();
process.exitCode = (await fuzz(n, seed)) > 0 ? 1 : 0;
