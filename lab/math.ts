/** Functions of one row of values: log-sum-exp, and the places of the largest. */

/** log Σ exp(x), in float64. */
export function logSumExp(logits: Float32Array): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const value of logits) if (value > most) most = value;
  let sum = 0;
  for (const value of logits) sum += Math.exp(value - most);
  return most + Math.log(sum);
}

/** Positions of the k largest values, largest first, NaN before all. Ties: the lowest position first. */
export function largest(values: Float32Array, k: number): number[] {
  const key = (i: number) => (Number.isNaN(values[i]) ? Number.POSITIVE_INFINITY : values[i]!);
  const before = (a: number, b: number) =>
    Number(Number.isNaN(values[b])) - Number(Number.isNaN(values[a])) || key(b) - key(a) || a - b;
  if (k > 256) return Array.from(values.keys()).sort(before).slice(0, k);
  const best: number[] = [];
  for (let i = 0; i < values.length && k > 0; i++) {
    // The common case without a call: not larger than the last of the k; ties keep the lower position.
    if (best.length === k && values[i]! <= values[best[k - 1]!]!) continue;
    if (best.length === k && before(i, best[k - 1]!) > 0) continue;
    let low = 0;
    for (let high = best.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (before(best[middle]!, i) < 0) low = middle + 1;
      else high = middle;
    }
    best.splice(low, 0, i);
    if (best.length > k) best.pop();
  }
  return best;
}
