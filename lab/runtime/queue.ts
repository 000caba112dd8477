/**
 * The queue of calls on one model's weights: views share threads and memory bandwidth, so their forward passes take turns. One turn is
 * one forward: a generation that waits for its reader holds nobody up. Waiting ends at once when the caller's signal says stop.
 */
import { LabError } from "../errors.js";

export function aborted(signal: AbortSignal): LabError {
  const why = signal.reason instanceof Error && signal.reason.name === "TimeoutError" ? " after its time limit" : "";
  return new LabError("aborted", `stopped${why}`, { cause: signal.reason });
}
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborted(signal);
}

export class Queue {
  #tail: Promise<void> = Promise.resolve();

  async turn<T>(signal: AbortSignal | undefined, fn: () => Promise<T>): Promise<T> {
    throwIfAborted(signal);
    const before = this.#tail;
    let release!: () => void;
    this.#tail = new Promise((resolve) => {
      release = resolve;
    });
    try {
      await untilAborted(before, signal);
    } catch (error) {
      // The place in the queue is kept until its turn comes, then passed on.
      void before.then(release);
      throw error;
    }
    try {
      return await fn();
    } finally {
      release();
    }
  }

  /** Resolves when everything that was queued has ended. */
  async drained(): Promise<void> {
    await this.#tail;
  }
}

/** `promise`, or `aborted` as soon as the signal says so. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  throwIfAborted(signal);
  let listener!: () => void;
  const stop = new Promise<never>((_, reject) => {
    listener = () => reject(aborted(signal));
    signal.addEventListener("abort", listener, { once: true });
  });
  try {
    return await Promise.race([promise, stop]);
  } finally {
    signal.removeEventListener("abort", listener);
  }
}
