/** How many settings go side by side: each has a KV cache and scratch of its own, and all of it is stated before it is allocated. */
import { checkMemory, freeBytes } from "../model/memory.js";
import { callingSync, type NativePlan, type NativeSetting } from "../native.js";
import { compares, type Job } from "./job.js";
import type { Measure } from "./report.js";

/** Tokens of one chunk, whatever the number of settings, so that a sweep reads the weights as often as one setting does. */
export const CHUNK = 64;

/** Whether tokens are scored at all: sparsity needs no logits. */
export const scoring = (measure: readonly Measure[]): boolean => measure.some((name) => name !== "sparsity");

export function walkPlan(settings: readonly NativeSetting[], length: number, threads: number): NativePlan {
  return { settings, captures: [], sequences: settings.length, length, threads };
}

function bytesOf({ inside, windows, other }: Job, settings: readonly NativeSetting[], measure: readonly Measure[]) {
  const { weights, threads } = inside;
  const tokens = Math.min(CHUNK, windows.size);
  const logitRows = scoring(measure) ? tokens : 0;
  const own = callingSync((addon) =>
    addon.estimate(
      weights.native,
      walkPlan(settings, windows.size, threads),
      tokens * settings.length,
      logitRows * settings.length,
    ),
  );
  if (!other || !compares(measure)) return { cache: own.cacheBytes, scratch: own.scratchBytes };
  // The other model's program, and the logits of both sides.
  const its = callingSync((addon) =>
    addon.estimate(other.weights.native, walkPlan([other.native], windows.size, other.threads), tokens, logitRows),
  );
  const logits = (settings.length + 1) * logitRows * weights.info.vocab * 4;
  return { cache: own.cacheBytes + its.cacheBytes, scratch: own.scratchBytes + its.scratchBytes + logits };
}

/** How many settings (beside `extra`, the reference) go into one batch within half of the free memory; at least one. */
export function groupSize(
  job: Job,
  settings: readonly NativeSetting[],
  extra: readonly NativeSetting[],
  measure: readonly Measure[],
  free = freeBytes(),
): { readonly size: number; readonly bytes: number } {
  const need = (size: number) => bytesOf(job, [...settings.slice(0, size), ...extra], measure);
  let size = settings.length;
  while (size > 1 && need(size).cache + need(size).scratch > free / 2) size--;
  const { cache, scratch } = need(size);
  checkMemory(
    [
      { what: "KV cache", bytes: cache },
      { what: "scratch", bytes: scratch },
    ],
    "Use a smaller window",
    free,
  );
  return { size, bytes: cache + scratch };
}
