/**
 * The cutoff of strategy `predicted`: a neuron is predicted unless its predictor's raw score is below the cutoff of its layer. It is the caller's
 * option, else the file's key `sparselab.predictor_cutoff` (float32, or one for each layer), else PowerInfer's `powerinfer.sparse_threshold`
 * (one number for all layers), else 0.
 */
import { checkOptions, LabError } from "../errors.js";
import { perLayerNumbers } from "../metadata.js";
import type { FileTable } from "../native.js";
import { type PerLayer, perLayerText } from "../policy/policy.js";
import { received } from "../received.js";

/** A raw score below which a neuron is skipped (infinities: none, or all), one for all layers or one for each; or the probability p whose logit is that score. */
export type Cutoff = PerLayer | { readonly probability: PerLayer };

export interface ResolvedCutoff {
  readonly value: PerLayer;
  /** Where it comes from, for people: `the file's key sparselab.predictor_cutoff`. */
  readonly source: string;
}

/** Checks the option, read once; the raw scores. */
export function checkCutoff(option: Cutoff): PerLayer {
  const given: unknown = option;
  const byProbability = typeof given === "object" && given !== null && !Array.isArray(given);
  if (byProbability) checkOptions("cutoff", given, ["probability"]);
  const values = byProbability ? (given as { readonly probability: unknown }).probability : given;
  const what = byProbability ? "the probability of cutoff" : "cutoff";
  const expected = byProbability ? "a number from 0 to 1" : "a number";
  const right = (value: unknown): value is number =>
    typeof value === "number" && !Number.isNaN(value) && (!byProbability || (value >= 0 && value <= 1));
  const list: readonly unknown[] = Array.isArray(values) ? Array.from(values as readonly unknown[]) : [values];
  for (const value of list) {
    if (!right(value))
      throw new LabError("invalid-option", `${what} must be ${expected}, or one for each layer, received ${received(value)}`);
  }
  const scores = (list as readonly number[]).map((value) => (byProbability ? Math.log(value / (1 - value)) : value));
  return Array.isArray(values) ? Object.freeze(scores) : scores[0]!;
}

/** @param option checked, as `checkCutoff` gives it */
export function resolveCutoff(table: FileTable, layers: number, option: PerLayer | undefined): ResolvedCutoff {
  if (option !== undefined) return { value: option, source: "your option" };
  for (const key of ["sparselab.predictor_cutoff", "powerinfer.sparse_threshold"]) {
    const found = perLayerNumbers(table, key, layers);
    if (found === undefined) continue;
    const wrong = (typeof found === "number" ? [found] : found).find(Number.isNaN);
    if (wrong !== undefined)
      throw new LabError(
        "bad-file",
        `key "${key}" of ${table.path} is not a number; expected the score below which a neuron is skipped`,
      );
    return { value: typeof found === "number" ? found : Object.freeze([...found]), source: `the file's key ${key}` };
  }
  return { value: 0, source: "the default" };
}

export const cutoffText = ({ value, source }: ResolvedCutoff): string => `cutoff ${perLayerText(value)} (from ${source})`;
