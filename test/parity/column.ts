/**
 * A column of the table of `npm run parity -- models`: a random model of every architecture in every weight type, on the instruction set that
 * SPARSELAB_ISA names when this process starts. Each result is a message to the parent.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ARCHITECTURES, type ArchitectureName } from "./architectures.js";
import { compareWithReference } from "./random.js";
import { randomLlama, randomShape, WEIGHT_NAMES, type WeightName } from "./random-llama.js";

export interface ModelResult {
  readonly architecture: ArchitectureName;
  readonly type: WeightName;
  /** Against float64; NaN where a number is not finite. */
  readonly error: number;
  /** Strategies, ways and numbers of threads that gave other bits. */
  readonly differing: readonly string[];
  /** A hash of the logits, to compare instruction sets. */
  readonly bits: string;
}

if (process.send) {
  const seed = Number(process.argv[2]);
  const folder = mkdtempSync(join(tmpdir(), "sparselab-parity-"));
  try {
    for (const architecture of Object.keys(ARCHITECTURES) as ArchitectureName[])
      for (const type of WEIGHT_NAMES) {
        // At least two rows to attend over, and a depth that all can have.
        const llama = randomLlama({ ...randomShape(seed, architecture, type), tokens: [1, 2, 3, 4, 5, 6, 7] });
        const { error, differing, logits } = await compareWithReference(llama, join(folder, "model.gguf"));
        const bits = createHash("sha256").update(new Uint8Array(logits.buffer)).digest("hex");
        process.send({ architecture, type, error, differing, bits } satisfies ModelResult);
      }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.disconnect?.();
}
