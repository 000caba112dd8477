/**
 * `npm run bench -- instructions`: how many instructions our executor takes for a token, counted by callgrind and compared with the numbers
 * in bench/results/instructions.json. Unlike a time, a count is the same on a busy machine, so that a loop that grew shows in a review.
 * Callgrind does not support AVX-512, so the AVX2 kernels are counted, with one layer, a small output matrix and one thread.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { build, root } from "../../test/support/build.js";
import { MINICPM_S_1B, modelFile, type Shape, TYPES } from "../cpu/model.js";
import { type Answer, Program } from "../cpu/program.js";
import { parseCallgrind } from "./callgrind.js";

const run = promisify(execFile);
const usage = `usage: npm run bench -- instructions [--save] [--functions N] [--dir FOLDER]

  --save         writes the numbers to bench/results/instructions.json, to be committed with the change that explains them
  --functions N  also prints the N functions with the most instructions
  --dir FOLDER   folder of the model files, 140 MB (${join(tmpdir(), "sparselab-bench")})

Needs valgrind (Debian: apt install valgrind) on x86-64.`;

const SHAPE: Shape = { ...MINICPM_S_1B, layers: 1, vocab: 2048 };
const ISA = "avx2";
const CASES = TYPES.flatMap((type) =>
  (["decode", "prefill"] as const).flatMap((task) =>
    (["dense", "exact"] as const).map((mode) => ({ type, task, mode, tokens: task === "decode" ? 4 : 64 })),
  ),
);

/** The contents of bench/results/instructions.json. */
export interface Record {
  readonly what: string;
  readonly isa: string;
  readonly compiler: string;
  readonly valgrind: string;
  readonly shape: Shape;
  /** "f16 decode dense" -> instructions per token */
  readonly perToken: Readonly<{ [name: string]: number }>;
}

/** A relative change that is marked. */
const NOTABLE = 0.02;

/** A line for each case: now, before, and the change, with a word where it is more than 2 %. */
export function compare(
  now: Readonly<{ [name: string]: number }>,
  before: Readonly<{ [name: string]: number }> | undefined,
): string {
  const names = [...new Set([...Object.keys(now), ...Object.keys(before ?? {})])];
  return names
    .map((name) => {
      const [value, old] = [now[name], before?.[name]];
      const head = `${name.padEnd(22)}${(value === undefined ? "-" : value.toLocaleString("en")).padStart(14)}`;
      if (value === undefined) return `${head}  no longer counted (was ${old!.toLocaleString("en")})`;
      if (old === undefined) return `${head}  new`;
      const change = value / old - 1;
      const word = change > NOTABLE ? "  MORE than committed" : change < -NOTABLE ? "  less than committed" : "";
      return `${head}  ${change < 0 ? "" : "+"}${(change * 100).toFixed(2)} %${word}`;
    })
    .join("\n");
}

async function valgrindVersion(): Promise<string> {
  try {
    return (await run("valgrind", ["--version"])).stdout.trim();
  } catch {
    throw new Error("valgrind is not installed (Debian: apt install valgrind)");
  }
}

async function count(program: string, path: string, task: string, mode: string, tokens: number): Promise<Map<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), "sparselab-callgrind-"));
  try {
    const file = join(folder, "out");
    const commands = [
      ["open", path],
      [task, mode, 1, tokens],
    ].map((words) => words.join("\t"));
    const { stdout } = await run(
      "valgrind",
      [
        "--tool=callgrind",
        "--collect-atstart=no",
        "--toggle-collect=sparselab_measured",
        `--callgrind-out-file=${file}`,
        program,
        ...commands,
      ],
      { env: { ...process.env, SPARSELAB_ISA: ISA } },
    );
    const failed = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Answer)
      .find((answer) => answer.error !== undefined);
    if (failed) throw new Error(String(failed.error));
    return parseCallgrind(readFileSync(file, "utf8"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export async function benchInstructions(args: readonly string[]): Promise<void> {
  let values: { save: boolean; functions: string; dir: string };
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        save: { type: "boolean", default: false },
        functions: { type: "string", default: "0" },
        dir: { type: "string", default: join(tmpdir(), "sparselab-bench") },
      },
    }));
    if (!/^\d+$/.test(values.functions)) throw new Error(`--functions must be a whole number, received ${values.functions}`);
    if (process.arch !== "x64") throw new Error(`the AVX2 kernels are counted, which need x86-64; this is ${process.arch}`);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exitCode = 2;
    return;
  }
  try {
    await countAll(values.save, Number(values.functions), values.dir);
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}

async function countAll(save: boolean, functions: number, dir: string): Promise<void> {
  const valgrind = await valgrindVersion();
  console.error("· building the measured program");
  const program = await build("sparselab_bench");
  const writer = new Program("sparselab", program);
  let compiler = "";
  const perToken: { [name: string]: number } = {};
  try {
    for (const { type, task, mode, tokens } of CASES) {
      const path = await modelFile(writer, dir, SHAPE, type);
      compiler ||= String((await writer.ask("open", path)).compiler);
      const name = `${type} ${task} ${mode}`;
      console.error(`· ${name}`);
      const costs = await count(program, path, task, mode, tokens);
      const all = [...costs.values()].reduce((sum, n) => sum + n, 0);
      if (!all) throw new Error(`${name}: callgrind counted nothing`);
      perToken[name] = Math.round(all / tokens);
      for (const [fn, n] of [...costs].sort(([, a], [, b]) => b - a).slice(0, functions))
        console.log(`  ${((100 * n) / all).toFixed(1).padStart(5)} %  ${fn.slice(0, 120)}`);
    }
  } finally {
    await writer.close();
  }

  const path = join(root, "bench", "results", "instructions.json");
  const before = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Record) : undefined;
  console.log(`\ninstructions per token, one layer, ${ISA}\n${compare(perToken, before?.perToken)}`);
  if (before && before.compiler !== compiler)
    console.log(
      `the committed numbers are of compiler ${before.compiler}, these of ${compiler}: small changes may be the compiler's`,
    );
  if (!save) return;
  const record: Record = { what: "npm run bench -- instructions --save", isa: ISA, compiler, valgrind, shape: SHAPE, perToken };
  writeFileSync(path, `${JSON.stringify(record, null, 2)}\n`);
  console.log(`\n${path}`);
}
