/** What `save` takes: plain records, tensors, runs and their captures. */
import { LabError } from "../errors.js";
import type { Values } from "../tensor.js";

export function isTensor(value: unknown): value is Values {
  const { dims, size, data } = (typeof value === "object" && value !== null ? value : {}) as Partial<Values>;
  return Array.isArray(dims) && typeof size === "object" && data instanceof Float32Array;
}

/** What `run.cache` is: captured points by name. */
interface Captures {
  readonly hookPoints: readonly string[];
  get(point: string): Values;
}
function isCaptures(value: object): value is Captures {
  const { hookPoints, get } = value as Partial<Captures>;
  return Array.isArray(hookPoints) && typeof get === "function";
}

/**
 * The names and values of a record; undefined for what is no plain record. Captures are a record of their tensors. A part that a run was not
 * asked to keep, such as the logits with `logits: "none"`, is left out, as is a key without a value.
 */
export function recordOf(value: unknown): [string, unknown][] | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (isCaptures(value)) return value.hookPoints.map((point) => [point, value.get(point)]);
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return undefined;
  return Object.keys(value).flatMap((key) => {
    const one = kept(value as Record<string, unknown>, key);
    return one === undefined ? [] : [[key, one]];
  });
}

function kept(record: Record<string, unknown>, key: string): unknown {
  try {
    return record[key];
  } catch (error) {
    if (error instanceof LabError && error.code === "not-captured") return undefined;
    throw error;
  }
}

/** Deeper ones are no data, and would end the stack. */
const DEEPEST = 200;
/** Throws where a value stands inside itself, or too deep. @param inside the values around it, outermost first */
export function refuseNesting(value: unknown, where: string, inside: readonly object[]): void {
  if (inside.includes(value as object)) throw new LabError("invalid-option", `${shortened(where)} contains itself`);
  if (inside.length > DEEPEST)
    throw new LabError("invalid-option", `${shortened(where)} lies deeper than ${DEEPEST} levels; save a flatter value`);
}
const shortened = (name: string) => (name.length > 60 ? `${name.slice(0, 59)}…` : name);

/** The error for a value that no format can hold. */
export function notPlain(value: unknown, where: string): LabError {
  const named = typeof value === "object" ? `a ${value?.constructor?.name ?? "object"}` : `a ${typeof value}`;
  const found = value === undefined ? "undefined" : named;
  return new LabError(
    "invalid-option",
    `save takes plain data (reports, points, runs, tensors, numbers, texts); ${where} is ${found}`,
  );
}
