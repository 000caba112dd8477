/**
 * Writes the first seeds of the fuzzer `forward`: a small random model of each architecture, as a file, with a byte behind it that chooses how it runs.
 *
 *   npm run build && node test/fuzz/make_seeds.mjs
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ARCHITECTURES, featuresOf } from "../../dist/test/parity/architectures.js";
import { randomLlama, randomShape } from "../../dist/test/parity/random-llama.js";

const folder = join(import.meta.dirname, "seeds", "forward");
mkdirSync(folder, { recursive: true });
const types = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"];
Object.keys(ARCHITECTURES).forEach((architecture, i) => {
  const drawn = randomShape(100 + i, architecture, types[i % types.length]);
  const shape = {
    ...drawn,
    layers: 1,
    hidden: 32,
    neurons: 32,
    heads: 2,
    kvHeads: 1,
    headSize: 32,
    vocab: 9,
    magic: "GGUF",
    activation: featuresOf(architecture).activation,
    t: [0],
    tokens: [1, 2, 3],
  };
  const { bytes } = randomLlama(shape);
  const how = [0, 1, 2, 5, 8 + 16, 9 + 16, 17, 6][i % 8];
  writeFileSync(join(folder, `${architecture}-${shape.types[0]}`), Buffer.concat([bytes, Buffer.from([how])]));
  console.log(architecture, shape.types[0], bytes.length);
});
