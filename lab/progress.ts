/**
 * One line with the progress of a long call: in a notebook an output that is redrawn in place (prints keep their own lines), in a terminal
 * a line of stderr, elsewhere nothing. Calls in a loop do not fill the page: in a notebook, calls of a cell with the same label share a
 * line; in a terminal, only the first reports that it is done.
 */
import { type Notebook, notebook } from "./display.js";

/** Writes the line's text; `last`: it is final. */
type Write = (text: string, last: boolean) => void;
const EVERY_MS = 250;

export class Progress {
  readonly #label: string;
  readonly #write: Write | undefined;
  readonly #now: () => number;
  readonly #start: number;
  #last = Number.NEGATIVE_INFINITY;

  constructor(label: string, write = defaultWrite(label), now: () => number = () => performance.now()) {
    this.#label = label;
    this.#write = write;
    this.#now = now;
    this.#start = now();
  }

  /** @param fraction share done, 0 to 1 */
  tick(fraction: number): void {
    const now = this.#now();
    if (!this.#write || now - this.#last < EVERY_MS) return;
    this.#last = now;
    const spent = now - this.#start;
    const left = fraction > 0 ? `, ${durationText((spent / fraction) * (1 - fraction))} left` : "";
    this.#write(`${this.#label}: ${Math.floor(100 * fraction)} %${left}`, false);
  }

  /** Writes how the call ended, and the time it took. */
  end(how: "done" | "stopped" | "failed" = "done"): void {
    this.#write?.(`${this.#label}: ${how} after ${durationText(this.#now() - this.#start)}`, true);
  }
}

function defaultWrite(label: string): Write | undefined {
  const book = notebook();
  if (book) return inNotebook(label, book);
  return process.stderr.isTTY ? inTerminal(label, (text) => void process.stderr.write(text)) : undefined;
}

/** Ids of the outputs of the running cell or handler, by label. */
const outputs = new Map<string, string>();
let count = 0;

/** An output that is redrawn. Later calls of the running cell with this label share it. */
export function inNotebook(label: string, book: Notebook): Write {
  const key = `${book.cell()} ${label}`;
  return (text) => {
    const bundle = { "text/plain": text };
    const id = outputs.get(key);
    if (id !== undefined) {
      book.update(bundle, id);
      return;
    }
    const fresh = `sparselab-progress-${process.pid}-${++count}`;
    outputs.set(key, fresh);
    book.display(bundle, fresh);
    book.atEnd(async () => {
      if (outputs.get(key) === fresh) outputs.delete(key);
    });
  };
}

/** Labels whose end was reported. */
const reported = new Set<string>();
const MOST_REPORTED = 1000;

/** A line that is rewritten in place; a later one with the same label is erased when it is done. */
export function inTerminal(label: string, write: (text: string) => void): Write {
  let width = 0;
  return (text, last) => {
    // Spaces cover the rest of a longer line.
    const line = `\r${text.padEnd(width)}`;
    if (!last) write(line);
    else if (reported.has(label) && / done after /.test(text)) write(`\r${" ".repeat(width)}\r`);
    else write(`${line}\n`);
    width = last ? 0 : text.length;
    if (!last) return;
    if (reported.size >= MOST_REPORTED) reported.clear();
    reported.add(label);
  };
}

/** 65 000 ms -> "1 min 5 s" */
export function durationText(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  return minutes < 60 ? `${minutes} min ${Math.round(seconds) % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
