/**
 * A measured program: one process that answers each command with one line of JSON.
 *
 * Each engine has a process of its own. In one process they would share an allocator, signal handlers and the core to which llama.cpp
 * pins the thread that calls it; and a process that waits for its next command sleeps with all its threads, which can be checked from
 * outside: `cpuSeconds` must not grow meanwhile.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface, type Interface } from "node:readline";

export type Answer = Readonly<Record<string, unknown>>;

export class Program {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  readonly #ended: Promise<void>;
  #waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;

  constructor(name: string, path: string, environment: Readonly<Record<string, string>> = {}) {
    this.name = name;
    this.#process = spawn(path, [], { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, ...environment } });
    this.#process.stdin!.on("error", () => {}); // a program that died is reported by "close"
    this.#lines = createInterface({ input: this.#process.stdout! });
    this.#lines.on("line", (line) => {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      try {
        const answer = JSON.parse(line) as Answer;
        if (answer.error === undefined) waiting?.resolve(answer);
        else waiting?.reject(new Error(`${name}: ${String(answer.error)}`));
      } catch {
        waiting?.reject(new Error(`${name} printed: ${line.slice(0, 200)}`));
      }
    });
    this.#ended = new Promise((resolve) => {
      const end = (why: string) => {
        this.#waiting?.reject(new Error(`${name} ended: ${why}`));
        this.#waiting = undefined;
        resolve();
      };
      this.#process.on("error", (error) => end(error.message));
      this.#process.on("close", (code, signal) => end(signal ?? `exit code ${code}`));
    });
  }

  /** Sends one command and waits for its answer. */
  ask(...words: (string | number)[]): Promise<Answer> {
    const line = words.join("\t");
    if (line.includes("\n")) return Promise.reject(new Error(`a path with a line break cannot be used: ${line}`));
    return new Promise((resolve, reject) => {
      if (this.#process.exitCode !== null || this.#process.signalCode !== null) reject(new Error(`${this.name} has ended`));
      this.#waiting = { resolve, reject };
      this.#process.stdin!.write(`${line}\n`);
    });
  }

  /** What the process and its threads have used so far, and how often they waited for a page from the disk. */
  usage(): { cpuSeconds: number; diskFaults: number } {
    return usageOf(this.#process.pid!);
  }

  async close(): Promise<void> {
    this.#process.stdin!.end();
    await this.#ended;
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }
}

/** Linux counts in ticks of 10 ms. */
const TICK = 0.01;

export function usageOf(pid: number | "self"): { cpuSeconds: number; diskFaults: number } {
  // The name of the program, in parentheses, may hold anything; the fields after it are numbers.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
  return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) * TICK, diskFaults: Number(fields[9]) };
}

/** What all processes of the machine have used so far, and what the machine's host took away. */
export function machineCpuSeconds(): number {
  const [user, nice, system, , , irq, softirq, steal] = readFileSync("/proc/stat", "utf8")
    .split("\n")[0]!
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user! + nice! + system! + irq! + softirq! + steal!) * TICK;
}
