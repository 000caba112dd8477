/** Long work on the JavaScript thread in steps: after some milliseconds other callers get the thread, and a stop is noticed. */
import { setImmediate as breathe } from "node:timers/promises";
import { throwIfAborted } from "./abort.js";

/** Milliseconds of work before others get the thread. */
const TURN = 5;

export class Turns {
  #since = performance.now();
  constructor(
    private readonly signal: AbortSignal | undefined,
    private readonly milliseconds = TURN,
  ) {}

  /** Between two steps. @throws LabError aborted */
  async next(): Promise<void> {
    throwIfAborted(this.signal);
    if (performance.now() - this.#since < this.milliseconds) return;
    await breathe();
    this.#since = performance.now();
    throwIfAborted(this.signal);
  }
}

/** Runs a generator's steps, and gives its result. @throws LabError aborted, and what the steps throw */
export async function inTurns<T>(steps: Generator<void, T, void>, signal: AbortSignal | undefined): Promise<T> {
  const turns = new Turns(signal);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    await turns.next();
  }
}
