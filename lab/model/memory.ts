/**
 * Refuses what does not fit before it starts: captures, logits, the KV cache and scratch are added up and held against the memory that
 * is free. An allocation that fails halfway through a corpus, or a machine that swaps, is worse than an error with numbers.
 */
import { constants } from "node:buffer";
import { freemem } from "node:os";
import { bytesText, LabError } from "../errors.js";

/** Bytes that may still be allocated: what the system says is available, within the limit of the process's control group. */
export function freeBytes(): number {
  const limit = process.constrainedMemory?.() ?? 0;
  const limited = limit > 0 && limit < 2 ** 50;
  return Math.max(0, limited ? Math.min(freemem(), limit - process.memoryUsage.rss()) : freemem());
}

export interface Need {
  readonly what: string;
  readonly bytes: number;
}

/**
 * Throws `out-of-memory` when one array is beyond what JavaScript can hold, or the sum beyond what is free.
 * @param out what the caller can do about it
 */
export function checkMemory(needs: readonly Need[], out: string, free = freeBytes(), longest = constants.MAX_LENGTH): void {
  const parts = needs.filter(({ bytes }) => bytes > 0).map(({ what, bytes }) => `${what} ${bytesText(bytes)} (${bytes} bytes)`);
  for (const { what, bytes } of needs) {
    if (bytes > longest) {
      throw new LabError(
        "out-of-memory",
        `${what} takes ${bytesText(bytes)} (${bytes} bytes); one array holds at most ${bytesText(longest)}. ${out}`,
      );
    }
  }
  const sum = needs.reduce((total, { bytes }) => total + bytes, 0);
  if (sum > free) {
    throw new LabError(
      "out-of-memory",
      `this needs ${bytesText(sum)} (${sum} bytes), ${bytesText(free)} are free: ${parts.join(", ")}. ${out}`,
    );
  }
}
