/**
 * The KV caches of a model's last generations. The next generation under the same setting takes over what its prompt begins with: those rows
 * are not computed again, and every number is the same, bit for bit, as if they were.
 */
import type { NativeSetting } from "../native.js";
import { addIdle, removeIdle } from "./memory.js";
import type { Program } from "./program.js";
import type { Weights } from "./weights.js";

/** What the report of a prompt says about one of its tokens. */
export interface SequenceRow {
  readonly token: number;
  /** log p of the token given those before it; NaN for the first. */
  readonly logprob: number;
  /** (L) share of zeros in x₁. */
  readonly sparsity: Float32Array;
}
/** A program whose only sequence holds these rows. */
export interface Sequence {
  readonly program: Program;
  readonly rows: readonly SequenceRow[];
}

/**
 * The first rows that a prompt shares with a sequence, of which all but the last are taken over. The last one is computed again: it gives
 * the likelihood of the token after it, which may be another.
 */
export function sharedRows(rows: readonly SequenceRow[], prompt: readonly number[]): readonly SequenceRow[] {
  // A likelihood that is no number is an error where a prompt is computed, so it is computed.
  const differs = rows.findIndex(
    ({ token, logprob }, i) => i >= prompt.length || token !== prompt[i] || (i > 0 && !Number.isFinite(logprob)),
  );
  return differs < 0 ? rows : rows.slice(0, differs);
}

/** As many settings' last generations are kept of a model: views that are compared each go on from their own. */
const MOST_KEPT = 4;

/** The last generations' sequences of a model, one for a setting. */
class Prefix {
  /** Oldest first; `free` is what `addIdle` was given. */
  readonly #kept = new Map<NativeSetting, Sequence & { readonly free: () => void }>();

  /** Keeps a sequence for the next generation under this setting, in place of the last one's. Its memory goes where other needs it. */
  leave(setting: NativeSetting, sequence: Sequence): void {
    this.drop(setting);
    const [oldest] = this.#kept.keys();
    if (oldest && this.#kept.size === MOST_KEPT) this.drop(oldest);
    const free = () => this.drop(setting);
    this.#kept.set(setting, { ...sequence, free });
    addIdle(free);
  }

  /** The sequence that was left under this setting; its program is the caller's to close. */
  take(setting: NativeSetting): Sequence | undefined {
    const kept = this.#kept.get(setting);
    if (!kept) return undefined;
    this.#kept.delete(setting);
    removeIdle(kept.free);
    return kept;
  }

  drop(setting: NativeSetting): void {
    this.take(setting)?.program.close();
  }
}

const prefixes = new WeakMap<Weights, Prefix>();

/** What is kept of a model. */
export function prefixOf(weights: Weights): Prefix {
  const prefix = prefixes.get(weights) ?? new Prefix();
  prefixes.set(weights, prefix);
  return prefix;
}
