/**
 * `npm run fuzz -- coverage [--seconds N] [--target NAME]`: builds the coverage-guided fuzzers with Clang (the CMake preset "fuzz", under both
 * sanitizers) and runs each for N seconds from its kept seeds, test/fuzz/seeds/NAME. What it learns goes to test/output/fuzz/corpus/NAME, and an
 * input that breaks it to test/output/fuzz.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { nearest } from "../../lab/errors.js";
import { root } from "../support/golden.js";

const TARGETS = ["header", "dequantise", "forward"] as const;
const OPTIONS = ["seconds", "target"] as const;
const SECONDS = 60;
const PARSED = { seconds: { type: "string" }, target: { type: "string" } } as const;

export interface CoverageOptions {
  readonly targets: readonly string[];
  readonly seconds: number;
}

function refuse(what: string, name: string, known: readonly string[]): never {
  const near = nearest(name, known);
  throw new Error(`${what} "${name}" does not exist${near ? `; did you mean "${near}"?` : ""} There are: ${known.join(", ")}`);
}

/** What the arguments after `coverage` ask for. Throws an Error that names the nearest valid choice. */
export function coverageOptions(args: readonly string[]): CoverageOptions {
  const { tokens } = parseArgs({ args: [...args], options: PARSED, strict: false, tokens: true, allowPositionals: true });
  for (const token of tokens) {
    if (token.kind === "positional") throw new Error(`"${token.value}" is not expected; a target is named with --target`);
    if (token.kind === "option" && !OPTIONS.some((name) => name === token.name)) refuse("option", token.name, OPTIONS);
  }
  const { values } = parseArgs({ args: [...args], options: PARSED });
  const seconds = Number(values.seconds ?? SECONDS);
  if (!Number.isSafeInteger(seconds) || seconds < 1)
    throw new Error(`--seconds ${values.seconds}: expected a whole number from 1`);
  if (values.target !== undefined && !TARGETS.some((name) => name === values.target)) refuse("target", values.target, TARGETS);
  return { targets: values.target === undefined ? TARGETS : [values.target], seconds };
}

function build(): void {
  const found = spawnSync("clang++", ["--version"], { encoding: "utf8" });
  if (found.status !== 0) {
    throw new Error("the coverage-guided fuzzers need Clang >= 14 with libFuzzer as clang++; on Debian: apt-get install clang");
  }
  const targets = TARGETS.map((name) => `fuzz_${name}`);
  for (const args of [
    ["--preset", "fuzz"],
    ["--build", "build/fuzz", "--parallel", "2", "--target", ...targets],
  ]) {
    const done = spawnSync("cmake", args, { cwd: root(), encoding: "utf8" });
    if (done.status !== 0)
      throw new Error(`cmake ${args.join(" ")} failed:\n${done.stdout ?? ""}${done.stderr ?? ""}`.slice(-4000));
  }
}

/** Runs one target and prints what it did; returns whether nothing broke. */
async function fuzzTarget(name: string, seconds: number): Promise<boolean> {
  const program = join(root(), "build", "fuzz", `fuzz_${name}`);
  const kept = join(root(), "test", "output", "fuzz");
  const corpus = join(kept, "corpus", name);
  mkdirSync(corpus, { recursive: true });
  const before = readdirSync(corpus).length;
  const args = [
    corpus,
    join(root(), "test", "fuzz", "seeds", name),
    `-max_total_time=${seconds}`,
    `-artifact_prefix=${kept}/${name}-`,
  ];
  const child = spawn(program, [...args, "-max_len=65536", "-timeout=10", "-print_final_stats=1"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let output = "";
  child.stderr.on("data", (text: Buffer) => {
    output = (output + text.toString()).slice(-100_000);
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  const runs = /stat::number_of_executed_units: (\d+)/.exec(output)?.[1] ?? "an unknown number of";
  const edges = [...output.matchAll(/cov: (\d+)/g)].at(-1)?.[1] ?? "unknown";
  console.log(`${name}: ${runs} runs, coverage ${edges} edges, ${readdirSync(corpus).length - before} new seeds`);
  if (status === 0) return true;
  const input = /Test unit written to (\S+)/.exec(output)?.[1];
  console.log(output.slice(-6000));
  console.log(
    input
      ? `BROKEN: ${name}: kept as ${input}\n  again: ${relative(root(), program)} ${input}`
      : `BROKEN: ${name} ended with ${status}, and no input was kept`,
  );
  return false;
}

/** Builds and runs what the arguments ask for; returns whether nothing broke. */
export async function fuzzCoverage(args: readonly string[]): Promise<boolean> {
  const { targets, seconds } = coverageOptions(args);
  build();
  let good = true;
  for (const name of targets) good = (await fuzzTarget(name, seconds)) && good;
  return good;
}
