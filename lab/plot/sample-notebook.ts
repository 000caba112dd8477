/** A notebook that keeps what it is sent, for the tests of what figures show and when. */
import type { MimeBundle, Notebook } from "../display.js";

export interface FakeNotebook {
  readonly sent: { readonly kind: "display" | "update"; readonly bundle: MimeBundle; readonly id: string }[];
  /** Ends the running cell: its work is done before this resolves. */
  endCell(): Promise<void>;
  nextCell(): void;
  remove(): void;
}

let cells = 0;
export function fakeNotebook(): FakeNotebook {
  const symbol = Symbol.for("sparselab.notebook");
  const sent: FakeNotebook["sent"] = [];
  let cell = `cell-${cells++}`;
  let work: (() => Promise<void>)[] = [];
  const notebook: Notebook = {
    display: (bundle, id) => void sent.push({ kind: "display", bundle, id }),
    update: (bundle, id) => void sent.push({ kind: "update", bundle, id }),
    signal: () => new AbortController().signal,
    cell: () => cell,
    atEnd: (job) => void work.push(job),
  };
  (globalThis as { [symbol]?: Notebook })[symbol] = notebook;
  return {
    sent,
    async endCell() {
      const jobs = work;
      work = [];
      for (const job of jobs) await job();
    },
    nextCell() {
      cell = `cell-${cells++}`;
    },
    remove() {
      delete (globalThis as { [symbol]?: Notebook })[symbol];
    },
  };
}
