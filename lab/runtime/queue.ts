/**
 * The queue of calls on one model's weights: views share threads and memory bandwidth, so their forward passes take turns. One turn is
 * one forward: a generation that waits for its reader holds nobody up. Waiting ends at once when the caller's signal says stop.
 */
import { throwIfAborted, untilAborted } from "../abort.js";

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
