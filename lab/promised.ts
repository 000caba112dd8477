/** A forgotten `await`: a promise in place of a value gets an error that says so. */
import { LabError } from "./errors.js";

/** Whether a value must be awaited: a promise, or a sweep. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  if (value === null || (typeof value !== "object" && typeof value !== "function")) return false;
  return typeof (value as { readonly then?: unknown }).then === "function";
}

/** Throws where `value` is a promise. `where` begins the message. */
export function refusePromise(where: string, value: unknown): void {
  if (isPromise(value)) throw new LabError("invalid-option", `${where}: received a promise; did you forget await?`);
}
