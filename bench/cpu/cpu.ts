/**
 * `npm run bench -- cpu`: our executor beside llama.cpp's own library on one model file, decode and prefill in alternating turns, and what the
 * machine can do, measured in the same minutes. Results are medians. A time never makes it fail; it fails if `exact` and `dense` give different
 * bits, or if the two engines do not compute the same function.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { nearest } from "../../lab/errors.js";
import { build, root } from "../../test/support/build.js";
import { load, machine } from "../machine.js";
import { fetchLlamaCpp, type LlamaCpp } from "./llama.js";
import { type Engines, measureRound, type Round, TASKS } from "./measure.js";
import { availableMemory, checkMemory, MINICPM_S_1B, modelFile, type Shape, SMALL, TYPES, type WeightType } from "./model.js";
import { type Answer, Program } from "./program.js";
import { ceilingLines, type Summary, summarise, table, targetLines, targets } from "./report.js";

const OPTIONS = {
  rounds: { type: "string", default: "5" },
  tokens: { type: "string", default: "16" },
  prefill: { type: "string", default: "256" },
  threads: { type: "string", default: "1,2" },
  types: { type: "string", default: TYPES.join(",") },
  layers: { type: "string" },
  vocab: { type: "string" },
  dir: { type: "string", default: join(tmpdir(), "sparselab-bench") },
  patience: { type: "string", default: "5" },
  out: { type: "string" },
  "without-llama": { type: "boolean", default: false },
  small: { type: "boolean", default: false },
} as const;

const usage = `usage: npm run bench -- cpu [OPTIONS]

  --rounds N          how often each is measured (5)
  --tokens N          tokens of a decode turn (16)
  --prefill N         tokens of a prefill turn (256)
  --threads 1,2       numbers of threads
  --types f16,q8_0    weight types
  --layers N          layers of the model (52); --vocab N: its vocabulary (73440)
  --dir FOLDER        folder of the model files, 4.5 GB (${OPTIONS.dir.default})
  --patience SECONDS  how long to wait before a round until other programs are quiet (5)
  --out FILE          file for the numbers (bench/results/cpu-DATE.json)
  --without-llama     ours alone
  --small             a tiny model, to try it out: nothing is written without --out`;

export interface Options {
  readonly rounds: number;
  readonly tokens: number;
  readonly prefill: number;
  readonly threads: readonly number[];
  readonly types: readonly WeightType[];
  readonly shape: Shape;
  readonly dir: string;
  readonly patience: number;
  readonly out?: string;
  readonly withLlama: boolean;
  readonly small: boolean;
}

const count = (name: string, text: string, most = 1 << 20): number => {
  const n = Number(text);
  if (!/^\d+$/.test(text) || n < 1 || n > most)
    throw new Error(`--${name} must be a whole number from 1 to ${most}, received ${text}`);
  return n;
};

/** Throws an Error that says what is wrong with the arguments. */
export function readOptions(args: readonly string[]): Options {
  const stranger = args.find((arg) => arg.startsWith("--") && !Object.hasOwn(OPTIONS, arg.slice(2).split("=")[0]!));
  if (stranger !== undefined) {
    const near = nearest(stranger.slice(2), Object.keys(OPTIONS));
    throw new Error(`unknown option ${stranger}${near ? `; did you mean --${near}?` : ""}`);
  }
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const cores = cpus().length;
  const threads = values.threads.split(",").map((text) => count("threads", text));
  const tooMany = threads.find((n) => n > cores);
  if (tooMany !== undefined) throw new Error(`--threads ${tooMany}: this machine has ${cores} cores`);
  const types = values.types.split(",").map((name) => {
    const type = TYPES.find((known) => known === name.toLowerCase());
    if (!type) throw new Error(`unknown weight type ${name}; this bench has ${TYPES.join(", ")}`);
    return type;
  });
  const base = values.small ? SMALL : MINICPM_S_1B;
  return {
    rounds: count("rounds", values.rounds),
    // llama.cpp's context here holds 512 tokens.
    tokens: count("tokens", values.tokens, 512),
    prefill: count("prefill", values.prefill, 512),
    threads: [...new Set(threads)],
    types: [...new Set(types)],
    shape: {
      ...base,
      ...(values.layers !== undefined && { layers: count("layers", values.layers, 1024) }),
      ...(values.vocab !== undefined && { vocab: count("vocab", values.vocab) }),
    },
    dir: values.dir,
    patience: values.patience === "0" ? 0 : count("patience", values.patience, 3600),
    out: values.out,
    withLlama: !values["without-llama"],
    small: values.small,
  };
}

/** Relative difference of our last logits with SiLU from llama.cpp's, which always computes SiLU for this architecture: ‖a − b‖ / ‖b‖. */
async function difference({ ours, llama }: Engines, tokens: number): Promise<number | undefined> {
  if (!llama) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "sparselab-bench-logits-"));
  try {
    const logits = async (program: Program): Promise<Float32Array> => {
      const path = join(folder, "logits");
      await program.ask("logits", "silu", 1, tokens, path);
      const bytes = readFileSync(path);
      return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    };
    const [a, b] = [await logits(ours), await logits(llama)];
    if (a.length !== b.length) throw new Error(`ours has ${a.length} logits, llama.cpp ${b.length}`);
    const [apart, size] = a.reduce(([d, n], x, i) => [d! + (x - b[i]!) ** 2, n! + b[i]! ** 2], [0, 0]);
    return Math.sqrt(apart! / size!);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
/** llama.cpp rounds activations to float16, with Q8_0 to int8; a larger difference means another function. */
const MOST_APART: Readonly<Record<WeightType, number>> = { f16: 0.02, q8_0: 0.1 };

/** Family, model and stepping, as the name alone may say little ("Intel Xeon Processor"). */
function processor(): { name: string; vendor: string; family: number; model: number; zen5: boolean } {
  let text = "";
  try {
    text = readFileSync("/proc/cpuinfo", "utf8");
  } catch {
    // Not Linux: only the name is known.
  }
  const field = (name: string) => new RegExp(`^${name}\\s*:\\s*(.*)$`, "m").exec(text)?.[1] ?? "";
  const family = Number(field("cpu family"));
  const vendor = field("vendor_id");
  return {
    name: cpus()[0]?.model ?? "unknown",
    vendor,
    family,
    model: Number(field("model")),
    zen5: vendor === "AuthenticAMD" && family === 26,
  };
}

function commit(): string | undefined {
  try {
    const git = (...args: string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: "pipe" }).trim();
    return git("rev-parse", "--short=12", "HEAD") + (git("status", "--porcelain", "native") ? " and changes in native/" : "");
  } catch {
    return undefined;
  }
}

interface OfType {
  readonly type: WeightType;
  readonly ours: Answer;
  readonly llama?: Answer;
  readonly apart?: number;
  readonly rounds: readonly Round[];
}

async function measureType(options: Options, type: WeightType, paths: { ours: string; llama?: string }): Promise<OfType> {
  // Larger than any cache; a quarter of the memory where that is small.
  const streamBytes = options.small ? 1 << 26 : Math.min(2 ** 31, Math.floor(availableMemory() / 4 / 4096) * 4096);
  if (!options.small) checkMemory(options.shape, type, streamBytes);
  const ours = new Program("sparselab", paths.ours);
  const llama = paths.llama === undefined ? undefined : new Program("llama.cpp", paths.llama);
  const engines = { ours, llama };
  try {
    const path = await modelFile(ours, options.dir, options.shape, type);
    const about = { ours: await ours.ask("open", path), llama: await llama?.ask("open", path) };
    // Both read every weight once before anything is timed.
    const apart = await difference(engines, 32);
    if (apart !== undefined) {
      if (!(apart <= MOST_APART[type]))
        throw new Error(`${type}: with SiLU, ours and llama.cpp are ${apart.toExponential(1)} apart`);
      console.error(`· ${type}: with SiLU, ours and llama.cpp are ${apart.toExponential(1)} apart`);
    } else {
      await ours.ask("prefill", "dense", 1, 32);
    }
    const rounds: Round[] = [];
    for (let round = 0; round < options.rounds; round++)
      for (const threads of options.threads)
        for (const task of TASKS) {
          const tokens = task === "decode" ? options.tokens : options.prefill;
          const measured = await measureRound(engines, task, threads, tokens, round, streamBytes, options.patience);
          rounds.push(measured);
          const turns = Object.entries(measured.turns).map(([side, t]) => `${side} ${(t.tokens / t.seconds).toFixed(1)}`);
          const others = Math.max(...Object.values(measured.turns).map((t) => t.others));
          console.error(
            `· ${type} round ${round + 1} of ${options.rounds}: ${task}, ${threads} threads: ${turns.join(", ")} tok/s; other programs: up to ${others.toFixed(1)} cores`,
          );
        }
    await Promise.all([ours.close(), llama?.close()]);
    return { type, ours: about.ours, llama: about.llama, apart, rounds };
  } catch (error) {
    ours.kill();
    llama?.kill();
    throw error;
  }
}

const summaries = (options: Options, all: readonly OfType[]): Summary[] =>
  all.flatMap(({ type, rounds }) =>
    TASKS.flatMap((task) =>
      options.threads.map((threads) =>
        summarise(
          options.shape,
          type,
          rounds.filter((round) => round.task === task && round.threads === threads),
        ),
      ),
    ),
  );

/** The most cores that an idle engine used while the other worked. */
const mostIdle = (all: readonly OfType[]): number =>
  Math.max(0, ...all.flatMap(({ rounds }) => rounds.flatMap((round) => Object.values(round.turns).map((turn) => turn.idle))));

export async function benchCpu(args: readonly string[]): Promise<void> {
  let options: Options;
  try {
    options = readOptions(args);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exitCode = 2;
    return;
  }
  try {
    await measure(options);
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}

async function measure(options: Options): Promise<void> {
  // 1. Programs
  console.error("· building the measured programs");
  const paths: { ours: string; llama?: string } = { ours: await build("sparselab_bench") };
  let llama: LlamaCpp | undefined;
  let missing: string | undefined = options.withLlama ? undefined : "--without-llama";
  if (options.withLlama) {
    try {
      console.error("· llama.cpp: fetching it unless it is there");
      llama = await fetchLlamaCpp();
      paths.llama = await build("llama_bench", { SPARSELAB_LLAMA_SOURCE: llama.source, SPARSELAB_LLAMA_FOLDER: llama.folder });
    } catch (error) {
      missing = (error as Error).message;
    }
  }

  // 2. Rounds
  const before = load();
  const all: OfType[] = [];
  for (const type of options.types) all.push(await measureType(options, type, paths));

  // 3. Results
  const medians = summaries(options, all);
  const cpu = processor();
  const reached = options.small ? [] : targets(medians, cpu.zen5);
  const sparsity = medians[0]?.sides.dense?.sparsity;
  console.log(`\n${cpu.name} (${cpu.vendor} family ${cpu.family} model ${cpu.model}), ${cpus().length} cores`);
  console.log(
    `sparselab ${commit() ?? ""}, kernels ${all[0]!.ours.isa}; ${llama ? `llama.cpp ${llama.release}` : `llama.cpp is missing: ${missing}`}`,
  );
  console.log(
    `${((sparsity ?? 0) * 100).toFixed(1)} % of the neurons silent; decode from an empty context; prefill of ${options.prefill} tokens`,
  );
  console.log(`\n${table(medians)}\n\n${ceilingLines(medians)}\n`);
  if (medians.some(({ disturbed }) => disturbed))
    console.log("disturbed: other programs used the machine in all but a few rounds; do not quote these numbers");
  const idle = mostIdle(all);
  if (idle > 0.05) console.log(`the idle engine used ${idle.toFixed(2)} of a core, which disturbs the other`);
  if (reached.length) console.log(targetLines(reached));

  const date = new Date().toISOString();
  const path = options.out ?? (options.small ? undefined : join(root, "bench", "results", `cpu-${date.slice(0, 10)}.json`));
  if (!path) return;
  const record = {
    what: "npm run bench -- cpu",
    date,
    machine: { ...machine(), cpu },
    load: { before, after: load() },
    versions: {
      sparselab: (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }).version,
      commit: commit(),
      llamaCpp: llama ? { release: llama.release, package: `@node-llama-cpp/linux-x64 ${llama.version}` } : { missing },
    },
    settings: {
      shape: options.shape,
      rounds: options.rounds,
      decodeTokens: options.tokens,
      prefillTokens: options.prefill,
      activation: "ours relu, llama.cpp silu (it computes no other in this architecture): the same cost",
    },
    engines: Object.fromEntries(
      all.map(({ type, ours, llama: other, apart }) => [type, { ours, llama: other, siluLogitsApart: apart }]),
    ),
    medians,
    targets: reached,
    rounds: Object.fromEntries(all.map(({ type, rounds }) => [type, rounds])),
  };
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(record, null, 2)}\n`);
  console.log(`\n${path}`);
}
