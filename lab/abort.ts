/** Stopping a long call: the error of a stopped call, and waiting that ends as soon as the signal says stop. */
import { LabError } from "./errors.js";

export function abortError(signal: AbortSignal): LabError {
  const why = signal.reason instanceof Error && signal.reason.name === "TimeoutError" ? " after its time limit" : "";
  return new LabError("aborted", `stopped${why}`, { cause: signal.reason });
}
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal);
}

const listeners = new WeakMap<AbortSignal, Set<() => void>>();
/**
 * Calls `listener` once when the signal is aborted; the returned function takes it back. All of them share one listener of the signal: many
 * calls may use the same signal, and Node warns of a leak at eleven listeners.
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (!signal) return () => {};
  let all = listeners.get(signal);
  if (!all) {
    const own = new Set<() => void>();
    all = own;
    listeners.set(signal, own);
    signal.addEventListener("abort", () => [...own].forEach((one) => void (own.delete(one) && one())), { once: true });
  }
  // Each call has its own entry, also of the same function.
  const entry = () => listener();
  all.add(entry);
  return () => void all.delete(entry);
}

/** `promise`, or an `aborted` error as soon as the signal is aborted. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  throwIfAborted(signal);
  let takeBack!: () => void;
  const stop = new Promise<never>((_, reject) => {
    takeBack = onAbort(signal, () => reject(abortError(signal)));
  });
  try {
    return await Promise.race([promise, stop]);
  } finally {
    takeBack();
  }
}
