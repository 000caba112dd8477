/**
 * Makes test/real/golden/NAME.json: what llama.cpp itself gives for a real model (through node-llama-cpp): the ids of texts.json, and the perplexity of
 * passage.txt with a float32 cache and no flash attention.
 *
 *   npm run build && npx sparselab fetch smollm2 && node test/real/make.mjs smollm2 [FILE [TOKENS]]
 *
 * FILE: another model's file, for a golden file of one's own: node test/real/make.mjs qwen.json qwen.gguf 160
 * The number: only so many tokens of the passage. llama.cpp gives the probabilities of the whole vocabulary for each, which takes a second or two.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { smollm2 } from "../../dist/lab/fetch/known.js";
import { llama, source } from "../golden/node_llama_cpp.mjs";

const here = import.meta.dirname;
const [name, file = smollm2, most = Number.POSITIVE_INFINITY] = process.argv.slice(2);
if (!name) throw new Error("usage: node test/real/make.mjs NAME [FILE [TOKENS]]");
const texts = JSON.parse(readFileSync(join(here, "texts.json"), "utf8"));
const model = await llama.loadModel({ modelPath: file });
const ids = (special) => texts.map((text) => model.tokenize(text, special));

const plain = model.tokenize(readFileSync(join(here, "passage.txt"), "utf8"), false);
const tokens = (model.tokens.shouldPrependBosToken ? [model.tokens.bos, ...plain] : [...plain]).slice(0, Number(most));
const context = await model.createContext({
  contextSize: 2048,
  experimentalKvCacheKeyType: "F32",
  experimentalKvCacheValueType: "F32",
  flashAttention: false,
});
const sequence = context.getSequence();
let sum = 0;
const STEP = 16; // each step holds the probabilities of the whole vocabulary
for (let at = 0; at < tokens.length; at += STEP) {
  const part = tokens.slice(at, at + STEP);
  const steps = await sequence.controlledEvaluate(part.map((token) => [token, { generateNext: { probabilities: true } }]));
  steps.forEach(({ next }, i) => {
    const following = tokens[at + i + 1];
    if (following !== undefined) sum -= Math.log(next.probabilities.get(following));
  });
}
const golden = { source, plain: ids(false), special: ids(true), tokens, perplexity: Math.exp(sum / (tokens.length - 1)) };
writeFileSync(name.endsWith(".json") ? name : join(here, "golden", `${name}.json`), `${JSON.stringify(golden)}\n`);
console.log(`${texts.length} texts, ${tokens.length} tokens of perplexity ${golden.perplexity.toFixed(4)}`);
await llama.dispose();
