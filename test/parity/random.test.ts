/** Random models against the forward pass in float64: a few new ones in each run, and a plain fault must show. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seed } from "../support/seed.js";
import { compareWithReference, LIMIT } from "./random.js";
import { describeShape, randomLlama, randomShape } from "./random-llama.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sparselab-parity-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([0, 1, 2, 3, 4])("random model %i agrees with float64, with the same bits in every way", async (i) => {
  const llama = randomLlama(randomShape(seed + i));
  const { error, differing } = await compareWithReference(llama, join(folder, `${i}.gguf`));
  expect(differing).toEqual([]);
  expect(error, describeShape(llama.shape)).toBeLessThanOrEqual(LIMIT);
});

test("the comparison sees another t, another base of the rotation and another epsilon", async () => {
  const shape = { ...randomShape(1), magic: "GGUF", activation: "fatrelu", layers: 2, t: [0.1, 0.2] } as const;
  const llama = randomLlama({ ...shape, heads: 4, kvHeads: 2, vocab: 33, tokens: [1, 2, 3, 4, 5, 6] });
  const path = join(folder, "wrong.gguf");
  expect((await compareWithReference(llama, path)).error).toBeLessThanOrEqual(LIMIT);
  for (const wrong of [
    { t: [0.1, 0.25] },
    { ropeBase: 20000.5 },
    { epsilon: llama.model.epsilon + 0.01 },
    { activation: "relu" },
  ] as const) {
    const { error } = await compareWithReference({ ...llama, model: { ...llama.model, ...wrong } }, path);
    expect(error, JSON.stringify(wrong)).toBeGreaterThan(LIMIT);
  }
});
