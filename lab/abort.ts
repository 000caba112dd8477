/** Stopping a long call: the error of a stopped call, and waiting that ends as soon as the signal says stop. */
import { LabError } from "./errors.js";

export function abortError(signal: AbortSignal): LabError {
  const why = signal.reason instanceof Error && signal.reason.name === "TimeoutError" ? " after its time limit" : "";
  return new LabError("aborted", `stopped${why}`, { cause: signal.reason });
}
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal);
}

/** `promise`, or an `aborted` error as soon as the signal is aborted. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  throwIfAborted(signal);
  let listener!: () => void;
  const stop = new Promise<never>((_, reject) => {
    listener = () => reject(abortError(signal));
    signal.addEventListener("abort", listener, { once: true });
  });
  try {
    return await Promise.race([promise, stop]);
  } finally {
    signal.removeEventListener("abort", listener);
  }
}
