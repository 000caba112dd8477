/**
 * `node dist/test/real/compare.js FILE GOLDEN`: any model beside llama.cpp, with a golden file that make.mjs wrote: token ids, perplexity in float and
 * in int8, and an answer. Run by hand.
 */
import { loadQuietly } from "../../lab/model/load.js";
import { differingTexts, goldenOf, perplexityRatio, texts } from "./golden.js";

const [file, golden] = process.argv.slice(2);
if (file === undefined || golden === undefined) {
  console.error("usage: node dist/test/real/compare.js FILE GOLDEN");
  process.exit(2);
}
const theirs = goldenOf(golden);
const percent = (ratio: number) => `${ratio < 0 ? "" : "+"}${(100 * ratio).toFixed(2)} %`;
for (const arithmetic of ["float", "int8"] as const) {
  const { model, summary } = await loadQuietly(file, { arithmetic });
  if (arithmetic === "float") {
    console.log(summary);
    const differ = differingTexts(model, theirs);
    console.log(`token ids: ${texts.length - differ.length} of ${texts.length} texts as ${theirs.source}`);
    for (const text of differ) console.log(`  ${JSON.stringify(text)}`);
  }
  const ratio = await perplexityRatio(model, theirs);
  console.log(
    `perplexity of ${theirs.tokens.length} tokens, ${arithmetic}: ${(theirs.perplexity * (1 + ratio)).toFixed(4)}, llama.cpp ${theirs.perplexity.toFixed(4)} (${percent(ratio)})`,
  );
  if (arithmetic === "float") {
    const question = "What is the capital of France?";
    const answer = await Promise.resolve()
      .then(() => model.generate([{ role: "user", content: question }], { maxTokens: 40 }).text())
      .catch((error: Error) => `none: ${error.message}`);
    console.log(`${question} ${answer.trim()}`);
    console.log(`The capital of France is${await model.generate("The capital of France is", { maxTokens: 12 }).text()}`);
  }
  model.dispose();
}
