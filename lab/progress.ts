/**
 * One line that says how far a long call is, rewritten in place: on stderr in a terminal, on stdout in a notebook (which keeps one line,
 * too, when it begins with a carriage return), nowhere else.
 */
import { notebook } from "./display.js";

type Write = (text: string) => void;
const EVERY_MS = 250;

export class Progress {
  readonly #label: string;
  readonly #write: Write | undefined;
  readonly #now: () => number;
  readonly #start: number;
  #last = Number.NEGATIVE_INFINITY;
  #width = 0;

  constructor(label: string, write = defaultWrite(), now: () => number = () => performance.now()) {
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
    this.#line(`${this.#label}: ${Math.floor(100 * fraction)} %${left}`);
  }

  /** The last state, with the time it took; `how` is "done" or "stopped". */
  end(how: "done" | "stopped" | "failed" = "done"): void {
    this.#line(`${this.#label}: ${how} after ${durationText(this.#now() - this.#start)}\n`);
  }

  #line(text: string): void {
    // Spaces over the rest of a longer line before.
    this.#write?.(`\r${text.replace("\n", "").padEnd(this.#width)}${text.endsWith("\n") ? "\n" : ""}`);
    this.#width = text.length;
  }
}

function defaultWrite(): Write | undefined {
  if (notebook()) return (text) => void process.stdout.write(text);
  return process.stderr.isTTY ? (text) => void process.stderr.write(text) : undefined;
}

/** 65 000 ms -> "1 min 5 s" */
export function durationText(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  return minutes < 60 ? `${minutes} min ${Math.round(seconds) % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
