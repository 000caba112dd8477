/**
 * V8 counts the bytes of large typed arrays too late to collect them soon. After a cell that left many behind, we ask it to: a notebook
 * whose cells each end in a tensor of 100 MB must not hold several of them.
 */
import { collectGarbage } from "../gc.js";

/** Bytes of array buffers that may come to live without asking. */
const ROOM = 64 << 20;
/** What lived after the last collection. */
let kept = 0;
let measuring = false;

export function collectLargeArrays(): void {
  if (process.memoryUsage().arrayBuffers < kept + ROOM) return;
  collectGarbage();
  // The buffers themselves are freed by a thread beside us: what is left is seen a moment later.
  measuring = true;
  setTimeout(measureKept, 50).unref();
}

/** Before a cell runs, too: what it makes is not what the last collection left. */
export function measureKept(): void {
  if (!measuring) return;
  measuring = false;
  kept = process.memoryUsage().arrayBuffers;
}
