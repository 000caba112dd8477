/**
 * Finds the processes that cells have started. A stop signals those that the engine waits for. A kernel that ends kills them all, even those
 * that have left the engine's process group.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** The environment variable that identifies the kernel in all processes that its engines start. */
export const KERNEL_MARK = "SPARSELAB_KERNEL";

interface Process {
  readonly pid: number;
  readonly parent: number;
  /** Start time in seconds. Its zero is unspecified: only differences mean something. */
  readonly began: number;
}

/** Clock ticks per second in /proc; the same on every Linux. */
const TICKS = 100;

/** All processes; none where they cannot be listed. */
function all(): Process[] {
  try {
    return process.platform === "linux" ? fromProc() : fromPs();
  } catch {
    return [];
  }
}

function fromProc(): Process[] {
  const found: Process[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      // The program's name may contain anything; the numbers follow the last parenthesis.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (fields[0] === "Z") continue;
      found.push({ pid: Number(name), parent: Number(fields[1]), began: Number(fields[19]) / TICKS });
    } catch {
      // It has exited meanwhile.
    }
  }
  return found;
}

function fromPs(): Process[] {
  const text = execFileSync("ps", ["-A", "-o", "pid=,ppid=,etime="], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return text.split("\n").flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)/.exec(line);
    if (!match) return [];
    const [days, hours, minutes, seconds] = match.slice(3).map((n) => Number(n ?? 0)) as [number, number, number, number];
    const age = ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
    return [{ pid: Number(match[1]), parent: Number(match[2]), began: -age }];
  });
}

/** Tolerance of the start times, in seconds: `ps` gives whole seconds, /proc hundredths. */
const PRECISION = process.platform === "linux" ? 0.05 : 1;

/** All descendants of `root` that were started when `root` was `age` seconds old, or later. */
export function descendants(root: number, age = 0): number[] {
  const processes = all();
  const since = (processes.find(({ pid }) => pid === root)?.began ?? 0) + age - PRECISION;
  const children = new Map<number, Process[]>();
  for (const one of processes) children.set(one.parent, [...(children.get(one.parent) ?? []), one]);
  const found: number[] = [];
  const walk = (pid: number): void => {
    for (const child of children.get(pid) ?? []) {
      if (child.began < since) continue;
      found.push(child.pid);
      walk(child.pid);
    }
  };
  walk(root);
  return found;
}

/** Processes with this mark in their environment, whoever their parent is now (Linux only). */
function marked(mark: string): number[] {
  if (process.platform !== "linux") return [];
  const wanted = `${KERNEL_MARK}=${mark}`;
  return all()
    .map(({ pid }) => pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(wanted);
      } catch {
        return false; // It has exited, or is another user's.
      }
    });
}

export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has exited meanwhile.
    }
  }
}

/** Kills all processes that a kernel's engines have started, and those in `more`, except this one. */
export function endAll(mark: string, more: readonly number[] = []): void {
  signalAll(
    [...new Set([...marked(mark), ...more])].filter((pid) => pid !== process.pid),
    "SIGKILL",
  );
}
