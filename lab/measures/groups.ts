/** How many settings run side by side: each has its own KV cache and scratch, which are counted before they are allocated. */
import { callNativeSync, type NativePlan, type NativeSetting } from "../native.js";
import { availableBytes, checkMemory, makeRoom, type Need } from "../runtime/memory.js";
import { type Job, needsReference } from "./job.js";
import type { Measure } from "./report.js";

/** Tokens of one chunk, for any number of settings, so that a sweep reads the weights as often as one setting does. */
export const CHUNK = 64;

/** Whether tokens are scored. Counts of neurons need no logits. */
export const needsLogits = (measure: readonly Measure[]): boolean =>
  measure.some((name) => name !== "sparsity" && name !== "predictor");

/**
 * Settings of one group at most. Reading the weights is then a small part of the work, and what JavaScript does for each setting between two
 * chunks stays short.
 */
const MOST_SETTINGS = 512;

export function walkPlan(settings: readonly NativeSetting[], length: number, threads: number): NativePlan {
  const { kv, arithmetic } = settings[0] ?? {}; // the same for all views of one load
  return {
    settings,
    captures: [],
    sequences: settings.length,
    length,
    threads,
    ...(kv && { kv }),
    ...(arithmetic && { arithmetic }),
  };
}

/** The memory of a walk over these settings, part by part. */
export function walkNeeds(
  { internals, windows, other }: Job,
  settings: readonly NativeSetting[],
  measure: readonly Measure[],
): readonly Need[] {
  const { weights, threads } = internals;
  const tokens = Math.min(CHUNK, windows.size);
  const logitRows = needsLogits(measure) ? tokens : 0;
  const own = callNativeSync((addon) =>
    addon.estimate(
      weights.native,
      walkPlan(settings, windows.size, threads),
      tokens * settings.length,
      logitRows * settings.length,
    ),
  );
  const needs: Need[] = [
    { what: "KV cache", bytes: own.cacheBytes },
    { what: "rotation table", bytes: own.rotationBytes },
    { what: "scratch", bytes: own.scratchBytes },
  ];
  if (!other || !needsReference(measure)) return needs;
  // The other model's program, and the logits of both sides.
  const its = callNativeSync((addon) =>
    addon.estimate(other.weights.native, walkPlan([other.native], windows.size, other.threads), tokens, logitRows),
  );
  const logits = logitRows * weights.info.vocab * 4;
  return [
    ...needs,
    { what: "KV cache of the reference", bytes: its.cacheBytes },
    { what: "rotation table of the reference", bytes: its.rotationBytes },
    { what: "scratch of the reference", bytes: its.scratchBytes },
    { what: "logits of a chunk", bytes: settings.length * logits, array: true },
    { what: "logits of the reference", bytes: logits, array: true },
  ];
}
/** The hint where a walk does not fit into memory. */
export const WALK_HINT = "Use a smaller window";

/** How many settings (beside `extra`, the reference) fit into half of the free memory; at least one. */
export function groupSize(
  job: Job,
  settings: readonly NativeSetting[],
  extra: readonly NativeSetting[],
  measure: readonly Measure[],
  given?: number,
): { readonly size: number; readonly bytes: number } {
  const need = (size: number) => walkNeeds(job, [...settings.slice(0, size), ...extra], measure);
  const sum = (size: number) => need(size).reduce((total, { bytes }) => total + bytes, 0);
  if (given === undefined) makeRoom(sum(1));
  const free = given ?? availableBytes();
  // The largest size that fits; a larger one needs more.
  let [size, tooMany] = [1, Math.min(settings.length, MOST_SETTINGS) + 1];
  while (tooMany - size > 1) {
    const middle = Math.floor((size + tooMany) / 2);
    if (sum(middle) > free / 2) tooMany = middle;
    else size = middle;
  }
  checkMemory(need(size), WALK_HINT, free);
  return { size, bytes: sum(size) };
}
