/**
 * V8 counts the bytes of large typed arrays too late to collect them soon. After a cell that left many behind, we ask it to: a notebook
 * whose cells each end in a tensor of 100 MB must not hold several of them.
 */
import v8 from "node:v8";
import vm from "node:vm";

/** Bytes of array buffers that may come to live without asking. */
const ROOM = 64 << 20;
/** What lived after the last collection. */
let kept = 0;
let gc: (() => void) | undefined;

export function collectLargeArrays(): void {
  if (process.memoryUsage().arrayBuffers < kept + ROOM) return;
  if (!gc) {
    v8.setFlagsFromString("--expose-gc");
    gc = vm.runInNewContext("gc") as () => void;
  }
  gc();
  // The buffers themselves are freed by a thread beside us.
  setTimeout(() => {
    kept = process.memoryUsage().arrayBuffers;
  }, 50).unref();
}
