/**
 * A compiled plan with its KV cache: forward passes take their turn in the model's queue, stop when the signal says so, and are never
 * closed while they run.
 */
import {
  calling,
  callingSync,
  type NativeBatch,
  type NativeForward,
  type NativePlan,
  type NativeProgram,
  type NativeSinks,
} from "../native.js";
import type { Reservation } from "./memory.js";
import { aborted, throwIfAborted } from "./queue.js";
import type { Weights } from "./weights.js";

export class Program {
  readonly plan: NativePlan;
  readonly #weights: Weights;
  readonly #native: NativeProgram;
  readonly #memory: Reservation | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #rows = 0;
  #closed = false;

  /** `memory`: what was reserved for it; the program gives it back when it closes, also where it cannot be made. */
  constructor(weights: Weights, plan: NativePlan, memory?: Reservation) {
    this.plan = plan;
    this.#weights = weights;
    this.#memory = memory;
    try {
      this.#native = callingSync((addon) => addon.compile(weights.native, plan));
    } catch (error) {
      memory?.release();
      throw error;
    }
    weights.retain();
  }

  /** After an error the cache is void: close the program. */
  forward(batch: NativeBatch, sinks: NativeSinks, signal: AbortSignal | undefined): Promise<NativeForward> {
    const done = this.#weights.queue.turn(signal, async () => {
      throwIfAborted(signal);
      const stop = () => callingSync((addon) => addon.abort(this.#native));
      signal?.addEventListener("abort", stop, { once: true });
      try {
        const done = await calling((addon) => addon.forward(this.#native, batch, sinks));
        this.#rows += batch.tokens.length;
        this.#memory?.settle(this.#rows / (this.plan.sequences * this.plan.length));
        return done;
      } catch (error) {
        if (signal?.aborted) throw aborted(signal);
        throw error;
      } finally {
        signal?.removeEventListener("abort", stop);
      }
    });
    this.#running = done.catch(() => undefined);
    return done;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    void this.#running.then(() => {
      callingSync((addon) => addon.closeProgram(this.#native));
      this.#weights.release();
      this.#memory?.release();
    });
  }
}

/** Rows of one sequence under one setting, from `start` on. */
export function sequenceBatch(tokens: ArrayLike<number>, start: number): NativeBatch {
  const rows = tokens.length;
  return {
    tokens: Int32Array.from(tokens),
    positions: Int32Array.from({ length: rows }, (_, i) => start + i),
    sequences: new Int32Array(rows),
    settings: new Int32Array(rows),
  };
}

/** Zero and row counts for `rows` rows: what every forward writes. */
export function countSinks(layers: number, rows: number): Pick<NativeSinks, "zerosInMid" | "zerosInGate" | "rowsRead"> {
  return {
    zerosInMid: new Uint32Array(layers * rows),
    zerosInGate: new Uint32Array(layers * rows),
    rowsRead: new Uint32Array(layers * rows),
  };
}
