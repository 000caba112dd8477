/** Functions of one row of values, computed by the executor: log-sum-exp, and the places of the largest. */
import { callNativeSync } from "./native.js";

/** log Σ exp(x), in float64. */
export function logSumExp(logits: Float32Array): number {
  return callNativeSync((addon) => addon.logSumExp(logits)) + largestOf(logits);
}

/** The largest of finite values. */
export function largestOf(values: Float32Array): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const value of values) if (value > most) most = value;
  return most;
}

/** Positions of the k largest values, largest first, NaN before all. Equal values: the lowest position first. */
export function largest(values: Float32Array, k: number): number[] {
  if (values.length === 0 || k === 0) return [];
  return Array.from(callNativeSync((addon) => addon.largest(values, k)));
}
