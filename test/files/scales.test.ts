/** The option `scales` of load: the scales of minicpm, given where a file has no keys for them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeFile } from "../../lab/model/description.js";
import { closeFile, loadQuietly, openFile } from "../../lab/model/load.js";
import { randomLlama, randomShape } from "../parity/random-llama.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sparselab-scales-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Two files of the same weights: one with the keys 5.5, 0.375 and 2.5, one without. */
function twoFiles() {
  const shape = { ...randomShape(3, "minicpm"), layers: 2, hidden: 64, scaling: "none" as const };
  const [keyed, plain] = [true, false].map((scaleKeys) => {
    const path = join(folder, `${scaleKeys}.gguf`);
    writeFileSync(path, randomLlama({ ...shape, scaleKeys }).bytes);
    return path;
  });
  return { keyed: keyed!, plain: plain! };
}

it("gives the bits of a file with these keys, and is shown", async () => {
  const { keyed, plain } = twoFiles();
  const scales = { embedding: 5.5, residual: 0.375, logits: 2.5 };
  const models = await Promise.all([loadQuietly(keyed), loadQuietly(plain, { scales }), loadQuietly(plain)]);
  const [want, given, rule] = await Promise.all(models.map(async ({ model }) => (await model.run([1, 2, 3])).logits.data));
  expect(given).toEqual(want);
  expect(rule).not.toEqual(want);
  expect(models[1]!.summary).toContain("embeddings scaled by 5.5, the residual stream by 0.375, logits by 0.4");
  expect(models[2]!.summary).toContain("embeddings scaled by 12, the residual stream by 0.9899, logits by 4");
  for (const { model } of models) model.dispose();

  const opened = await openFile(plain);
  const facts = await describeFile(opened, undefined);
  closeFile(opened);
  expect(facts.find(({ label }) => label === "scales")?.text).toContain("embeddings scaled by 12");
});

it("one of them alone leaves the others to the file", async () => {
  const { keyed } = twoFiles();
  const { model, summary } = await loadQuietly(keyed, { scales: { logits: 1 } });
  expect(summary).toContain("embeddings scaled by 5.5, the residual stream by 0.375, logits by 1");
  model.dispose();
});

it.each<[unknown, RegExp]>([
  [{ embedding: 0 }, /scales.embedding: expected a number above 0 and below 1000000, received 0/],
  [{ residual: Number.NaN }, /scales.residual: expected/],
  [{ embeding: 12 }, /Did you mean "embedding"/],
  [12, /scales/],
])("refuses %j", async (scales, message) => {
  await expect(loadQuietly(twoFiles().plain, { scales: scales as never })).rejects.toThrow(message);
});

it("is refused by architectures without scales", async () => {
  const path = join(folder, "llama.gguf");
  writeFileSync(path, randomLlama(randomShape(3, "llama")).bytes);
  await expect(loadQuietly(path, { scales: { embedding: 12 } })).rejects.toThrow(
    /scales: models of architecture "?llama"? have none; leave the option out/,
  );
});
