/**
 * What a function of the caller's threw while the executor waited for it. Only a text crosses to the executor and back; the error itself waits
 * here, and becomes the cause of the error that the call ends with, with the line that threw.
 */
import { LabError } from "../errors.js";

const MOST = 16;
const thrown = new Map<string, unknown>();

/** Keeps what was thrown, by the message of the error that it becomes. A call that was stopped never asks for its own. */
export function keepThrown(message: string, error: unknown): void {
  const key = new LabError("invalid-option", message).message; // as errors write it
  thrown.delete(key);
  thrown.set(key, error);
  const [oldest] = thrown.keys();
  if (thrown.size > MOST) thrown.delete(oldest!);
}

/** The error with what was thrown as its cause, where its message says that something was. */
export function withThrown(error: unknown): unknown {
  if (!(error instanceof LabError) || !thrown.has(error.message)) return error;
  Object.defineProperty(error, "cause", { value: thrown.get(error.message), writable: true, configurable: true });
  thrown.delete(error.message);
  return error;
}
