/**
 * The queue of forward passes on one model's weights: views share threads and memory bandwidth, so they take turns. A turn is one forward,
 * so a generation that waits for its reader does not block others. A stop ends the waiting at once.
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
      // Its turn still comes, and is passed on then.
      void before.then(release);
      throw error;
    }
    try {
      return await fn();
    } finally {
      release();
    }
  }

  /** Resolves when all queued calls have ended. */
  async drained(): Promise<void> {
    await this.#tail;
  }
}
