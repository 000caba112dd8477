/**
 * Compares test/golden/forward/ with llama.cpp itself on the SiLU models (it has no ReLU for llama), through node-llama-cpp.
 *
 *   npm run build && NODE_LLAMA_CPP=FOLDER node test/golden/check_llama_cpp.mjs      FOLDER as make_tokenizer.mjs leaves it
 *
 * llama.cpp rounds its inputs to the weights' type, so each model is shown to it as a float32 twin with the same values, with a
 * float32 cache. Its probabilities of every token are compared with those of the golden logits. It tells whether the rows of q and k
 * are permuted as llama.cpp wants them: an error there would be of order 1. Measured with 3.22.1: 2.5e-6 and 1.1e-6.
 */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { readGguf, specOf, writeGguf } from "../../dist/test/support/gguf.js";
import { goldenFile, goldenModels, goldenValues } from "../../dist/test/support/golden.js";
import { decode } from "../../dist/test/support/quant.js";

const { getLlama } = await import(pathToFileURL(join(process.env.NODE_LLAMA_CPP, "node_modules/node-llama-cpp/dist/index.js")));
const llama = await getLlama({ gpu: false, build: "never", progressLogs: false });
const folder = mkdtempSync(join(tmpdir(), "sparselab-golden-"));

let good = true;
for (const golden of goldenModels().filter((model) => model.activation === "silu")) {
  const bytes = new Uint8Array(readFileSync(goldenFile(golden)));
  const twin = join(folder, `${golden.name}.gguf`);
  const tensors = readGguf("", bytes).tensors.map(({ name, shape, type, offset, bytes: size }) => ({ name, shape, type: "F32", data: decode(bytes.subarray(offset, offset + size), type) }));
  writeFileSync(twin, writeGguf({ ...specOf(bytes), tensors }));

  const model = await llama.loadModel({ modelPath: twin });
  const context = await model.createContext({ contextSize: 64, experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32", flashAttention: false });
  const steps = await context.getSequence().controlledEvaluate(golden.tokens.map((token) => [token, { generateNext: { probabilities: true } }]));
  const logits = goldenValues(golden);
  let worst = 0;
  steps.forEach(({ next }, row) => {
    const ours = logits.subarray(row * golden.vocab, (row + 1) * golden.vocab);
    const most = Math.max(...ours);
    const sum = ours.reduce((total, value) => total + Math.exp(value - most), 0);
    let difference = 0;
    let norm = 0;
    for (const [token, theirs] of next.probabilities) {
      const p = Math.exp(ours[token] - most) / sum;
      difference += (p - theirs) ** 2;
      norm += p ** 2;
    }
    if (next.probabilities.size !== golden.vocab) throw new Error(`${next.probabilities.size} probabilities`);
    worst = Math.max(worst, Math.sqrt(difference / norm));
  });
  if (!(worst < 1e-4) || steps.length !== golden.tokens.length) good = false;
  console.log(`${golden.name}: ${steps.length} tokens, relative error of the probabilities at most ${worst.toExponential(2)}`);
  await model.dispose();
}
await llama.dispose();
process.exitCode = good ? 0 : 1;
