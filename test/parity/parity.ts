/**
 * `npm run parity -- [golden|random|kernels|functions]`: compares the executor with something that shares nothing with it, prints a table and
 * exits with 1 if a line of it misses.
 *   golden      (the default) committed models against the logits of transformers
 *   random      new random models (--n COUNT, --seed NUMBER) against a forward pass in float64, and SiLU ones against llama.cpp if the variable
 *               NODE_LLAMA_CPP names a folder in which node-llama-cpp is installed
 *   kernels     every weight type on every instruction set, bit for bit against the plain twins
 *   functions   exp, tanh and erf of every float32 against long double (hours)
 */
import { parseArgs } from "node:util";
import { golden } from "./golden.js";
import { functions, kernels } from "./native.js";
import { random } from "./random.js";

interface Options {
  readonly n: number;
  readonly seed: number;
}
const TARGETS: Readonly<Record<string, (options: Options) => Promise<boolean>>> = { golden, random, kernels, functions };

function wrong(): never {
  console.error(`usage: npm run parity -- [${Object.keys(TARGETS).join("|")}] [--n COUNT] [--seed NUMBER], whole numbers`);
  process.exit(2);
}

function options() {
  try {
    return parseArgs({ options: { n: { type: "string", default: "40" }, seed: { type: "string" } }, allowPositionals: true });
  } catch {
    return wrong();
  }
}

const { values, positionals } = options();
const n = Number(values.n);
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
const [target = "golden", ...rest] = positionals;
const compare = Object.hasOwn(TARGETS, target) ? TARGETS[target]! : wrong();
if (rest.length || !Number.isInteger(n) || n < 1 || !Number.isInteger(seed) || seed < 0) wrong();
process.exitCode = (await compare({ n, seed })) ? 0 : 1;
