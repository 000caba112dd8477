/** Checks of options that several calls share: a signal, a function, a whole number. Each error says what was received. */
import { LabError } from "./errors.js";
import { received } from "./received.js";

/** Checks that a signal is an AbortSignal or undefined. */
export function checkSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined) return undefined;
  const { aborted, addEventListener, removeEventListener } = (signal ?? {}) as Partial<AbortSignal>;
  if (typeof aborted === "boolean" && typeof addEventListener === "function" && typeof removeEventListener === "function")
    return signal as AbortSignal;
  throw new LabError(
    "invalid-option",
    `signal must be an AbortSignal, such as AbortSignal.timeout(60_000) or the signal of an AbortController, received ${received(signal)}`,
  );
}

/** Checks that a value is a function or undefined. */
export function checkFunction(what: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function")
    throw new LabError("invalid-option", `${what} must be a function, received ${received(value)}`);
}

/** Checks that a value is undefined or a whole number from `least` to `most`. */
export function checkCount(what: string, value: number | undefined, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return;
  const upto = most === Number.MAX_SAFE_INTEGER ? "" : ` and <= ${most}`;
  throw new LabError("invalid-option", `${what} must be a whole number >= ${least}${upto}, received ${received(value)}`);
}
