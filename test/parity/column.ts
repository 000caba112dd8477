/**
 * A column of the table of `npm run parity -- models`: a random model of every architecture in every weight type, on the instruction set that
 * SPARSELAB_ISA names when this process starts. Each result is a message to the parent.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ARCHITECTURES, type ArchitectureName } from "./architectures.js";
import { type Compared, compareWithReference } from "./random.js";
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

/** Draws again where no row says anything: a gate of the first token lies at the threshold. */
const MOST_DRAWS = 20;
if (process.send) {
  const seed = Number(process.argv[2]);
  const folder = mkdtempSync(join(tmpdir(), "sparselab-parity-"));
  const drawn = async (architecture: ArchitectureName, type: WeightName): Promise<Compared> => {
    for (let draw = 0; draw < MOST_DRAWS; draw++) {
      // At least two rows to attend over, and a depth that all can have.
      const tokens = [1, 2, 3, 4, 5, 6, 7];
      const llama = randomLlama({ ...randomShape(seed + 1000 * draw, architecture, type), tokens });
      const compared = await compareWithReference(llama, join(folder, "model.gguf"));
      if (compared.leftOut < tokens.length) return compared;
    }
    throw new Error(`${architecture} in ${type}: no row of ${MOST_DRAWS} models can be compared`);
  };
  try {
    for (const architecture of Object.keys(ARCHITECTURES) as ArchitectureName[])
      for (const type of WEIGHT_NAMES) {
        const { error, differing, logits } = await drawn(architecture, type);
        const bits = createHash("sha256").update(new Uint8Array(logits.buffer)).digest("hex");
        process.send({ architecture, type, error, differing, bits } satisfies ModelResult);
      }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.disconnect?.();
}
