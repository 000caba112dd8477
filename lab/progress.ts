/**
 * One line that says how far a long call is: an output of its own in a notebook, which is redrawn in place (so that prints keep lines of
 * their own), a line of stderr in a terminal, nothing elsewhere. A call in a loop does not repeat itself: in a notebook the calls of a cell
 * with the same label share one line, in a terminal only the first says that it is done.
 */
import { type Notebook, notebook } from "./display.js";

/** Takes the line's text; `last`: nothing more comes. */
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

  /** Share done, 0 to 1. */
  tick(fraction: number): void {
    const now = this.#now();
    if (!this.#write || now - this.#last < EVERY_MS) return;
    this.#last = now;
    const spent = now - this.#start;
    const left = fraction > 0 ? `, ${durationText((spent / fraction) * (1 - fraction))} left` : "";
    this.#write(`${this.#label}: ${Math.floor(100 * fraction)} %${left}`, false);
  }

  /** The last state, with the time it took; `how` is "done" or "stopped". */
  end(how: "done" | "stopped" | "failed" = "done"): void {
    this.#write?.(`${this.#label}: ${how} after ${durationText(this.#now() - this.#start)}`, true);
  }
}

function defaultWrite(label: string): Write | undefined {
  const book = notebook();
  if (book) return inNotebook(label, book);
  return process.stderr.isTTY ? inTerminal(label, (text) => void process.stderr.write(text)) : undefined;
}

/** Lines of the running cell, or handler, by label. */
const shown = new Map<string, string>();
let made = 0;

/** An output that is redrawn; it belongs to the code that runs now, and a call with this label later in the same code goes on with it. */
export function inNotebook(label: string, book: Notebook): Write {
  const key = `${book.cell()} ${label}`;
  return (text) => {
    const bundle = { "text/plain": text };
    const id = shown.get(key);
    if (id !== undefined) {
      book.update(bundle, id);
      return;
    }
    const fresh = `sparselab-progress-${process.pid}-${++made}`;
    shown.set(key, fresh);
    book.display(bundle, fresh);
    book.atEnd(async () => {
      if (shown.get(key) === fresh) shown.delete(key);
    });
  };
}

/** Labels that have said that they are done. */
const said = new Set<string>();
const MOST_SAID = 1000;

/** A line that is rewritten in place; a later one with the same label is taken away again when it is done. */
export function inTerminal(label: string, write: (text: string) => void): Write {
  let width = 0;
  return (text, last) => {
    // Spaces over the rest of a longer line before.
    const line = `\r${text.padEnd(width)}`;
    if (!last) write(line);
    else if (said.has(label) && / done after /.test(text)) write(`\r${" ".repeat(width)}\r`);
    else write(`${line}\n`);
    width = last ? 0 : text.length;
    if (!last) return;
    if (said.size >= MOST_SAID) said.clear();
    said.add(label);
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
