/** Functions of one row of values, computed by the executor: log-probabilities, and the places of the largest. */
import { callNativeSync } from "./native.js";

/**
 * log p of a token, in float64, for logits (V). The largest logit is subtracted first: beside a large one the logarithm of the sum would be
 * rounded away.
 * @param logTotal log Σ exp of the logits minus the largest, where it is known
 */
export function logProbabilities(
  logits: Float32Array,
  logTotal = callNativeSync((addon) => addon.logTotal(logits)),
): (token: number) => number {
  const top = logits[largest(logits, 1)[0]!]!;
  return (token) => logits[token]! - top - logTotal;
}

/** Positions of the k largest values, largest first, NaN before all. Equal values: the lowest position first. */
export function largest(values: Float32Array, k: number): number[] {
  if (values.length === 0 || k === 0) return [];
  return Array.from(callNativeSync((addon) => addon.largest(values, k)));
}
