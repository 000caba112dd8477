/** The cells that were run, for history_request. */

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

export class History {
  readonly #entries: HistoryEntry[] = [];

  add(line: number, input: string): void {
    this.#entries.push([1, line, input]);
  }

  find(request: HistoryRequest): HistoryEntry[] {
    const number = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);
    if (request.hist_access_type === "range") {
      const start = number(request.start) ?? 0;
      const stop = number(request.stop) ?? Number.POSITIVE_INFINITY;
      return this.#entries.filter(([, line]) => line >= start && line < stop);
    }
    let found = this.#entries;
    if (request.hist_access_type === "search") {
      const pattern = glob(String(request.pattern ?? "*"));
      found = found.filter(([, , input]) => pattern.test(input));
      // The latest of each, in the order of their latest use.
      if (request.unique) found = [...new Map([...found].reverse().map((e) => [e[2], e])).values()].reverse();
    }
    const n = number(request.n);
    return n === undefined ? [...found] : n > 0 ? found.slice(-n) : [];
  }
}

/** `*` any text, `?` one character, the rest as it stands. */
function glob(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*/g, "[^]*")
    .replace(/\?/g, "[^]");
  return new RegExp(`^${source}$`);
}
