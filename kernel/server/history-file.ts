/**
 * The history over sessions: one file in Jupyter's data folder for all kernels of the user, one line of JSON for each cell.
 *
 * Several kernels may write at once: each line is appended by a single call. The size is bounded: a full file is renamed to `.old`, in place
 * of the `.old` before it.
 */
import { appendFileSync, closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** One cell: the kernel that ran it, its number there, its text. */
export interface HistoryLine {
  readonly kernel: string;
  readonly line: number;
  readonly input: string;
}

/** Bytes at which a file is full. */
const FULL = 2 << 20;
/** Characters beyond which a cell is not kept: it is data. */
const LONGEST = 64 << 10;
/** Milliseconds after which another kernel's lock counts as left behind. */
const STALE = 10_000;

export class HistoryFile {
  readonly #path: string;
  readonly #full: number;

  constructor(path: string, full = FULL) {
    this.#path = path;
    this.#full = full;
  }

  /** All lines, oldest first. Damaged ones are skipped. */
  read(): HistoryLine[] {
    return [`${this.#path}.old`, this.#path].flatMap((path) => {
      let text: string;
      try {
        text = readFileSync(path, "utf8");
      } catch {
        return [];
      }
      return text.split("\n").flatMap((line) => parse(line) ?? []);
    });
  }

  /** Throws where the folder cannot be written. */
  append(entry: HistoryLine): void {
    if (entry.input.length > LONGEST) return;
    mkdirSync(dirname(this.#path), { recursive: true });
    this.#rotate();
    appendFileSync(this.#path, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
  }

  #isFull(): boolean {
    return (statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0) >= this.#full;
  }

  /** Renames a full file. Under a lock: a second kernel would rename the new file over the full one. */
  #rotate(): void {
    if (!this.#isFull()) return;
    const lock = `${this.#path}.lock`;
    try {
      closeSync(openSync(lock, "wx"));
    } catch {
      const held = statSync(lock, { throwIfNoEntry: false });
      if (held && Date.now() - held.mtimeMs > STALE) rmSync(lock, { force: true });
      return; // The next cell tries again.
    }
    try {
      if (this.#isFull()) renameSync(this.#path, `${this.#path}.old`);
    } finally {
      rmSync(lock, { force: true });
    }
  }
}

function parse(text: string): HistoryLine | undefined {
  try {
    const { kernel, line, input } = JSON.parse(text) as Partial<HistoryLine>;
    if (typeof kernel === "string" && typeof line === "number" && typeof input === "string") return { kernel, line, input };
  } catch {
    // Damaged.
  }
  return undefined;
}
