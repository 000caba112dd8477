/**
 * V8 notices the memory of large typed arrays late. So after a cell that left many behind a collection is requested: a notebook whose cells
 * each end in a tensor of 100 MB must not hold several of them.
 */
import { collectGarbage } from "../gc.js";

/** Bytes of array buffers that may be allocated before a collection is requested. */
const ROOM = 64 << 20;
/** Bytes in use after the last collection: the baseline. */
let kept = 0;
let measuring = false;

export function collectLargeArrays(): void {
  if (process.memoryUsage().arrayBuffers < kept + ROOM) return;
  collectGarbage();
  // Another thread frees the buffers themselves, so the baseline is measured a moment later.
  measuring = true;
  setTimeout(measureKept, 50).unref();
}

/** Measures the baseline, if that is still to do. Called before each cell too, so that the cell's allocations don't join it. */
export function measureKept(): void {
  if (!measuring) return;
  measuring = false;
  kept = process.memoryUsage().arrayBuffers;
}
