/** A forgotten `await`: a promise where a value belongs is told as that, not as a value of the wrong type. */
import { types } from "node:util";
import { LabError } from "./errors.js";

/** Throws where `value` is a promise. `where`: what takes it, as the message's beginning. */
export function refusePromise(where: string, value: unknown): void {
  if (!types.isPromise(value)) return;
  throw new LabError("invalid-option", `${where}: received a promise; did you forget await?`);
}
