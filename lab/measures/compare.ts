/**
 * Comparison with a model of other weights (a dense twin, say). Its rows cannot be in the same batch, so its logits come from a program of
 * its own, and KL and top-1 are computed from two rows of logits by the same code as in a batch. V vocabulary.
 */
import { setImmediate as breathe } from "node:timers/promises";
import { throwIfAborted } from "../abort.js";
import type { Internals } from "../model/internals.js";
import { callNativeSync } from "../native.js";
import { countSinks, sequenceBatch, sequencePlan } from "../runtime/batch.js";
import { Program } from "../runtime/program.js";

/** KL(p‖q) in nats, p and q given as logits (V). */
export const divergence = (p: Float32Array, q: Float32Array): number => callNativeSync((addon) => addon.divergence(p, q));

/** Whether the most likely tokens are the same. Ties: the lowest token id. */
export const sameTop = (p: Float32Array, q: Float32Array): boolean => callNativeSync((addon) => addon.sameTop(p, q));

/** The reference's own walk over the windows. */
export class OtherModel {
  readonly #internals: Internals;
  readonly #program: Program;

  constructor(internals: Internals, length: number) {
    const { weights, native, threads } = internals;
    this.#internals = internals;
    this.#program = new Program(weights, sequencePlan(native, [], length, threads));
  }

  /** Begins a new window: position 0 comes next. */
  restart(): Promise<void> {
    return this.#program.restart();
  }

  /** Logits (scored rows, V) of a chunk of the window, in order; `scored` says which rows. */
  async logits(
    tokens: Int32Array,
    start: number,
    scored: readonly boolean[],
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const { info } = this.#internals.weights;
    const logits = new Float32Array(scored.filter(Boolean).length * info.vocab);
    await this.#program.forward(
      { ...sequenceBatch(tokens, start), logits: Uint8Array.from(scored, Number) },
      { ...countSinks(info.layers, tokens.length), ...(logits.length > 0 && { logits }) },
      signal,
    );
    return logits;
  }

  close(): void {
    this.#program.close();
  }
}

/**
 * KL and agreement of each row (rows, V) with the reference's row of the same token: row r belongs to token floor(r / settings). Gives up
 * the JavaScript thread between rows, so that a stop is noticed.
 */
export async function compareRows(
  p: Float32Array,
  q: Float32Array,
  vocab: number,
  settings: number,
  signal: AbortSignal | undefined,
): Promise<{ readonly kl: Float64Array; readonly top1: Uint8Array }> {
  const rows = q.length / vocab;
  const [kl, top1] = [new Float64Array(rows), new Uint8Array(rows)];
  for (let row = 0; row < rows; row++) {
    const token = Math.floor(row / settings);
    const reference = p.subarray(token * vocab, (token + 1) * vocab);
    const own = q.subarray(row * vocab, (row + 1) * vocab);
    kl[row] = divergence(reference, own);
    top1[row] = Number(sameTop(reference, own));
    await breathe();
    throwIfAborted(signal);
  }
  return { kl, top1 };
}
