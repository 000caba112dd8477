/**
 * Processes that cells have started, found by what the system says of them: a stop signals those that the engine waits for, and a
 * kernel that ends leaves none behind, not even one that has left the engine's process group.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** Names the kernel in the environment of all that its engines start. */
export const KERNEL_MARK = "SPARSELAB_KERNEL";

interface Process {
  readonly pid: number;
  readonly parent: number;
  /** Seconds since some moment, the same for all: only differences mean something. */
  readonly began: number;
}

/** Clock ticks of a second in /proc; the same on every Linux. */
const TICKS = 100;

/** All processes, as far as the system tells. */
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
      // The name of the program may hold anything; the numbers follow its last parenthesis.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (fields[0] === "Z") continue;
      found.push({ pid: Number(name), parent: Number(fields[1]), began: Number(fields[19]) / TICKS });
    } catch {
      // It has ended meanwhile.
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

/** `ps` tells whole seconds, /proc hundredths. */
const PRECISION = process.platform === "linux" ? 0.05 : 1;

/** What `root` has started, and what that has started; only what began when `root` was `age` seconds old, or later. */
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

/** Processes with this mark in their environment, wherever they have gone (Linux). */
function marked(mark: string): number[] {
  if (process.platform !== "linux") return [];
  const wanted = `${KERNEL_MARK}=${mark}`;
  return all()
    .map(({ pid }) => pid)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(wanted);
      } catch {
        return false; // Ended, or another user's.
      }
    });
}

export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended meanwhile.
    }
  }
}

/** Ends all that a kernel's engines have started, and what is given; not this process. */
export function endAll(mark: string, more: readonly number[] = []): void {
  signalAll(
    [...new Set([...marked(mark), ...more])].filter((pid) => pid !== process.pid),
    "SIGKILL",
  );
}
