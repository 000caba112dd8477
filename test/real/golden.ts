/** A real model beside what llama.cpp gave for it (make.mjs): token ids, and the perplexity of a passage. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Model } from "../../lab/model/model.js";
import { packageInfo } from "../../lab/package.js";

export interface Golden {
  readonly source: string;
  /** Ids of texts.json, without BOS: special texts spelled out, and as tokens. */
  readonly plain: readonly (readonly number[])[];
  readonly special: readonly (readonly number[])[];
  /** Of passage.txt. */
  readonly tokens: readonly number[];
  readonly perplexity: number;
}
const folder = join(packageInfo().root, "test", "real");
export const texts = JSON.parse(readFileSync(join(folder, "texts.json"), "utf8")) as readonly string[];
export const passage = readFileSync(join(folder, "passage.txt"), "utf8");
export const goldenOf = (path: string): Golden => JSON.parse(readFileSync(path, "utf8")) as Golden;
export const smollm2Golden = join(folder, "golden", "smollm2.json");

/** Texts whose ids are not llama.cpp's. */
export function differingTexts({ tokenizer }: Model, golden: Golden): string[] {
  return texts.filter((text, i) =>
    [golden.plain, golden.special].some(
      (ids, special) => tokenizer.encode(text, { bos: false, eos: false, special: special === 1 }).join() !== ids[i]!.join(),
    ),
  );
}

/** Perplexity of the golden file's tokens over llama.cpp's, minus 1. */
export async function perplexityRatio(model: Model, { tokens, perplexity }: Golden): Promise<number> {
  const run = await model.run(tokens, { logits: "last" });
  return run.perplexity / perplexity - 1;
}
