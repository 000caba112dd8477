/**
 * `npm run fuzz -- files`: damages good model files in every way of corrupt.ts and opens each in a child process. Each must end in a LabError
 * with one readable line, or be loaded and run. A crash, a hang, another error, an unreadable message or excessive memory is a miss: the file is
 * kept under test/output/fuzz.
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { goldenFile, goldenModels, root } from "../support/golden.js";
import { belowGenerator } from "../support/random.js";
import { corruptions } from "./corrupt.js";
import { type Ending, missOf } from "./ending.js";

const LIMIT_MS = 20_000;
const WORKERS = 2;
/** A child process that is reused until it dies. */
class Victim {
  private child: ChildProcess | undefined;
  private output = "";

  /** How opening this file ended; "crash" and "hang" if the child did not answer. */
  open(path: string): Promise<Ending> {
    const child = this.started();
    return new Promise((resolve) => {
      const end = (ending: Ending) => {
        clearTimeout(timer);
        child.removeAllListeners();
        resolve(ending);
      };
      const die = (how: string, message: string) => {
        this.child = undefined;
        child.kill("SIGKILL");
        end({ path, how, message, maxBytes: 0 });
      };
      const timer = setTimeout(() => die("hang", `no answer within ${LIMIT_MS / 1000} s`), LIMIT_MS);
      child.on("message", (ending: Ending) => end(ending));
      child.on("exit", (code, signal) => die("crash", `${signal ?? `exit code ${code}`} ${this.output.slice(-500)}`));
      child.send(path);
    });
  }
  close(): void {
    this.child?.kill();
  }
  private started(): ChildProcess {
    if (this.child) return this.child;
    this.child = fork(join(import.meta.dirname, "victim.js"), {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      execArgv: ["--max-old-space-size=1024"],
    });
    this.output = "";
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on("data", (text: Buffer) => {
        this.output = (this.output + text.toString()).slice(-4000);
      });
    }
    return this.child;
  }
}

/** Opens `n` damaged files and prints how they ended; returns the number of misses. */
export async function fuzzFiles(n: number, seed: number): Promise<number> {
  const files = goldenModels().map((model) => ({ name: model.name, bytes: new Uint8Array(readFileSync(goldenFile(model))) }));
  const kinds = Object.keys(corruptions);
  const folder = mkdtempSync(join(tmpdir(), "sparselab-fuzz-"));
  const kept = join(root(), "test", "output", "fuzz");
  console.log(
    `${n} spoilt files of ${kinds.length} kinds from ${files.length} good ones; seed ${seed} (npm run fuzz -- files --n ${n} --seed ${seed})`,
  );

  const endings = new Map<string, number>();
  let misses = 0;
  let next = 0;
  async function work(): Promise<void> {
    const victim = new Victim();
    while (next < n) {
      const i = next++;
      const random = belowGenerator(seed + i * 7919);
      const kind = kinds[i % kinds.length]!;
      const file = files[random(files.length)]!;
      const [bytes, what] = corruptions[kind]!(file.bytes, random);
      const path = join(folder, `${i}.gguf`);
      writeFileSync(path, bytes);
      const ending = await victim.open(path);
      const miss = missOf(ending);
      endings.set(ending.how, (endings.get(ending.how) ?? 0) + 1);
      if (miss) {
        misses++;
        mkdirSync(kept, { recursive: true });
        const keep = join(kept, `${seed}-${i}.gguf`);
        writeFileSync(keep, bytes);
        console.log(`MISS ${i}: ${kind} of ${file.name}: ${what}\n  ${miss}\n  kept as ${keep}`);
      } else if (process.env.FUZZ_VERBOSE) console.log(`${i} ${kind} of ${file.name}: ${what}: ${ending.how} ${ending.message}`);
      rmSync(path);
    }
    victim.close();
  }
  const started = performance.now();
  await Promise.all(Array.from({ length: WORKERS }, work));
  rmSync(folder, { recursive: true });
  const counts = [...endings].sort(([, a], [, b]) => b - a).map(([how, count]) => `${how} ${count}`);
  console.log(`${counts.join(", ")}; ${misses} misses in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return misses;
}
