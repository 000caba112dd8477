/**
 * V8 counts the bytes of large typed arrays too late to collect them soon. After a cell that left many behind, we ask it to: a notebook
 * whose cells each end in a tensor of 100 MB must not hold several of them.
 */
import { collectGarbage } from "../gc.js";

/** Bytes of array buffers that may come to live without asking. */
const ROOM = 64 << 20;
/** What lived after the last collection. */
let kept = 0;

export function collectLargeArrays(): void {
  if (process.memoryUsage().arrayBuffers < kept + ROOM) return;
  collectGarbage();
  // The buffers themselves are freed by a thread beside us.
  setTimeout(() => {
    kept = process.memoryUsage().arrayBuffers;
  }, 50).unref();
}
