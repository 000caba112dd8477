/**
 * Loaded into the kernel under test (`node --import`): at SIGUSR2 collects the garbage and writes what its heap still holds, in bytes, to
 * the file that SPARSELAB_MEMORY_PROBE names. Resident memory alone is too coarse, since V8 collects late.
 */
import { writeFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { isMainThread } from "node:worker_threads";

const path = process.env.SPARSELAB_MEMORY_PROBE;
if (path && isMainThread) {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  process.on("SIGUSR2", () => {
    collect();
    // Another thread frees the memory of collected buffers, so it is measured a moment later.
    setTimeout(() => {
      collect();
      const { heapUsed, external } = process.memoryUsage();
      writeFileSync(path, String(heapUsed + external));
    }, 50);
  });
}
