/** log Σ exp(x) in plain float64, as an oracle. */
export function logSumExp(x: Float32Array): number {
  const top = x.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  return top + Math.log(x.reduce((sum, value) => sum + Math.exp(value - top), 0));
}
