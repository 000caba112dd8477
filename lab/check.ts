/** Checks of options that several calls share: a signal, a function, a whole number. Each error says what was received. */
import { LabError } from "./errors.js";
import { received } from "./received.js";

/** An AbortSignal or nothing; an AbortController in its place is told what to give. */
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

/** A function or nothing. */
export function checkFunction(what: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function")
    throw new LabError("invalid-option", `${what} must be a function, received ${received(value)}`);
}

/** A whole number from `least` on, or an error with what was received. */
export function checkCount(what: string, value: number | undefined, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return;
  const upto = most === Number.MAX_SAFE_INTEGER ? "" : ` and <= ${most}`;
  throw new LabError("invalid-option", `${what} must be a whole number >= ${least}${upto}, received ${received(value)}`);
}
