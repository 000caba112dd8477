/** The cells that were run, in this session and in earlier ones, for history_request. */
import { randomUUID } from "node:crypto";
import type { HistoryFile } from "./history-file.js";

export type HistoryEntry = readonly [session: number, line: number, input: string];

interface HistoryRequest {
  readonly hist_access_type?: unknown;
  readonly session?: unknown;
  readonly n?: unknown;
  readonly pattern?: unknown;
  readonly unique?: unknown;
  readonly start?: unknown;
  readonly stop?: unknown;
}

interface Earlier {
  readonly entries: readonly HistoryEntry[];
  readonly sessions: number;
}

export class History {
  readonly #file: HistoryFile | undefined;
  readonly #log: (text: string) => void;
  readonly #kernel = randomUUID();
  readonly #own: Array<readonly [line: number, input: string]> = [];
  /** Earlier sessions, read at the first request: this session's number follows theirs. */
  #earlier: Earlier | undefined;
  #failed = false;

  /** @param file the history over sessions; by default only this kernel's cells are remembered */
  constructor(file?: HistoryFile, log: (text: string) => void = () => {}) {
    this.#file = file;
    this.#log = log;
  }

  add(line: number, input: string): void {
    this.#own.push([line, input]);
    if (this.#failed || !input.trim()) return;
    try {
      this.#file?.append({ kernel: this.#kernel, line, input });
    } catch (error) {
      this.#failed = true; // Report it once, and don't try again.
      this.#log(`the history is not saved: ${(error as Error).message}`);
    }
  }

  find(request: HistoryRequest): HistoryEntry[] {
    const number = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);
    const { entries, sessions } = this.#read();
    const current = sessions + 1;
    const all: HistoryEntry[] = [...entries, ...this.#own.map(([line, input]): HistoryEntry => [current, line, input])];
    if (request.hist_access_type === "range") {
      const start = number(request.start) ?? 0;
      const stop = number(request.stop) ?? Number.POSITIVE_INFINITY;
      // 0 is this session, -1 the one before it.
      const asked = number(request.session) ?? 0;
      const session = asked > 0 ? asked : current + asked;
      return all.filter(([s, line]) => s === session && line >= start && line < stop);
    }
    let found = all;
    if (request.hist_access_type === "search") {
      const pattern = glob(String(request.pattern ?? "*"));
      found = found.filter(([, , input]) => pattern.test(input));
      // The latest of equal inputs, in the order of their latest use.
      if (request.unique) found = [...new Map([...found].reverse().map((e) => [e[2], e])).values()].reverse();
    }
    const n = number(request.n);
    return n === undefined ? found : n > 0 ? found.slice(-n) : [];
  }

  #read(): Earlier {
    if (!this.#earlier) {
      const numbers = new Map<string, number>();
      const lines = this.#file?.read().filter((l) => l.kernel !== this.#kernel) ?? [];
      for (const { kernel } of lines) if (!numbers.has(kernel)) numbers.set(kernel, numbers.size + 1);
      const entries = lines.map(({ kernel, line, input }): HistoryEntry => [numbers.get(kernel)!, line, input]);
      this.#earlier = { entries, sessions: numbers.size };
    }
    return this.#earlier;
  }
}

/** A glob as a regular expression: `*` any text, `?` one character. */
function glob(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*+/g, "[^]*")
    .replace(/\?/g, "[^]");
  return new RegExp(`^${source}$`);
}
