/** A forgotten `await`: a promise where a value belongs is told as that, not as a value of the wrong type. */
import { LabError } from "./errors.js";

/** Whether a value is to be awaited: a promise, or a sweep. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  if (value === null || (typeof value !== "object" && typeof value !== "function")) return false;
  return typeof (value as { readonly then?: unknown }).then === "function";
}

/** Throws where `value` is a promise. `where`: what was given it, as the message's beginning. */
export function refusePromise(where: string, value: unknown): void {
  if (isPromise(value)) throw new LabError("invalid-option", `${where}: received a promise; did you forget await?`);
}
