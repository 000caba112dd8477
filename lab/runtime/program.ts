/**
 * A compiled plan with its KV cache. Forward passes take turns in the model's queue, stop when the signal says so, and finish before the
 * program is closed.
 */
import { abortError, onAbort, throwIfAborted } from "../abort.js";
import {
  callNative,
  callNativeSync,
  type NativeAddon,
  type NativeBatch,
  type NativeForward,
  type NativePlan,
  type NativeProgram,
  type NativeSinks,
} from "../native.js";
import type { Reservation } from "./memory.js";
import { withThrown } from "./thrown.js";
import type { Weights } from "./weights.js";

export class Program {
  readonly plan: NativePlan;
  readonly #weights: Weights;
  readonly #memory: Reservation | undefined;
  readonly #native: NativeProgram;
  /** Whether a sequence holds rows. */
  #used = false;
  #rows = 0;
  /** Calls that run or wait for their turn. */
  #busy = 0;
  #closed = false;

  /** @param memory what was reserved for it; the program releases it when it closes, and when it cannot be made. */
  constructor(weights: Weights, plan: NativePlan, memory?: Reservation) {
    this.plan = plan;
    this.#weights = weights;
    this.#memory = memory;
    try {
      this.#native = callNativeSync((addon) => addon.compile(weights.native, plan));
    } catch (error) {
      memory?.release();
      throw error;
    }
    weights.retain();
  }

  /** After an error the program is as it was before the call. */
  forward(batch: NativeBatch, sinks: NativeSinks, signal: AbortSignal | undefined): Promise<NativeForward> {
    return this.#turn(signal, batch.positions.length, (addon) => addon.forward(this.#native, batch, sinks));
  }

  /** Takes over the first `positions` positions of another program of the same model and setting: they hold what would be computed. */
  takeOver(other: Program, positions: number, signal: AbortSignal | undefined): Promise<void> {
    return this.#turn(signal, positions, (addon) => addon.keep(this.#native, 0, positions, 0, other.#native));
  }

  /**
   * One call in the model's queue, which writes `rows` rows of the cache. Its promise is awaited once and by its caller alone: so V8 can tell
   * in an error's stack which line of the user's waits for it.
   */
  async #turn<T>(signal: AbortSignal | undefined, rows: number, call: (addon: NativeAddon) => Promise<T>): Promise<T> {
    this.#used = true;
    this.#busy++;
    try {
      return await this.#weights.queue.turn(signal, async () => {
        throwIfAborted(signal);
        const stop = () => callNativeSync((addon) => addon.abort(this.#native));
        const takeBack = onAbort(signal, stop);
        try {
          const done = await callNative(call);
          this.#rows += rows;
          this.#memory?.settle(this.#rows / (this.plan.sequences * this.plan.length));
          return done;
        } catch (error) {
          if (signal?.aborted) throw abortError(signal);
          throw withThrown(error);
        } finally {
          takeBack();
        }
      });
    } finally {
      this.#busy--;
      if (this.#closed && this.#busy === 0) this.#free();
    }
  }

  /** Empties every sequence: the next batch begins at position 0. No forward may be running. */
  async restart(): Promise<void> {
    if (!this.#used) return;
    for (let sequence = 0; sequence < this.plan.sequences; sequence++) {
      await callNative((addon) => addon.keep(this.#native, sequence, 0));
    }
    this.#used = false;
  }

  /** Its memory is free when this returns, or once its calls have ended. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#busy === 0) this.#free();
  }

  #free(): void {
    callNativeSync((addon) => addon.closeProgram(this.#native));
    this.#weights.release();
    this.#memory?.release();
  }
}
