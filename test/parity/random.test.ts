/** Random models against the forward pass in float64: a few new ones in each run, and a plain fault must show. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeFile } from "../../lab/model/description.js";
import { openFile } from "../../lab/model/load.js";
import { seed } from "../support/seed.js";
import { ARCHITECTURES, type ArchitectureName } from "./architectures.js";
import { faultOf } from "./models.js";
import { compareWithReference, LIMIT } from "./random.js";
import { describeShape, type RandomLlama, randomLlama, randomShape, type Shape } from "./random-llama.js";
import type { ReferenceModel } from "./reference.js";

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

test.each(Object.keys(ARCHITECTURES) as ArchitectureName[])("%s: a random model agrees with float64", async (name) => {
  const llama = randomLlama(randomShape(seed, name));
  const { error, differing } = await compareWithReference(llama, join(folder, `${name}.gguf`));
  expect(differing, `seed ${seed}`).toEqual([]);
  expect(error, `seed ${seed}: ${describeShape(llama.shape)}`).toBeLessThanOrEqual(LIMIT);
});

test("the table of models sees an error, other bits of a way and of an instruction set", () => {
  const good = { architecture: "llama", type: "F32", error: 1e-7, differing: [], bits: "a" } as const;
  expect(faultOf([good, good])).toBe("");
  expect(faultOf([good, { ...good, error: Number.NaN }])).toBe("MISSED");
  expect(faultOf([{ ...good, error: 1e-3 }, good])).toBe("MISSED");
  expect(faultOf([good, { ...good, differing: ["exact, decode, 2 threads"] }])).toBe("WAYS DIFFER");
  expect(faultOf([good, { ...good, bits: "b" }])).toBe("SETS DIFFER");
});

/** A model in which every feature of the architecture matters. */
const telling = (architecture: ArchitectureName, more: Partial<Shape> = {}): RandomLlama =>
  randomLlama({
    ...randomShape(7, architecture),
    magic: "GGUF",
    activation: ARCHITECTURES[architecture].activation as Shape["activation"],
    types: ["F32"],
    t: new Array<number>(7).fill(0),
    layers: 7,
    hidden: 48,
    neurons: 33,
    heads: 4,
    kvHeads: 2,
    headSize: 32,
    vocab: 33,
    scaling: "none",
    freqs: false,
    tied: false,
    tokens: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    ...more,
  });
type Wrong = (right: ReferenceModel) => Partial<ReferenceModel>;
const without =
  (part: string): Wrong =>
  ({ has }) => ({ has: (name) => !name.includes(part) && has(name) });

test.each<[string, RandomLlama, Wrong]>([
  ["halves for pairs", telling("llama"), () => ({ halves: true })],
  ["pairs for halves", telling("qwen3"), () => ({ halves: false })],
  [
    "a logit scale that multiplies",
    telling("minicpm", { scaleKeys: true }),
    ({ scales }) => ({ scales: { ...scales, logits: 2.5 } }),
  ],
  [
    "the inverse of D over 256",
    telling("minicpm", { scaleKeys: false }),
    ({ scales }) => ({ scales: { ...scales, logits: 48 / 256 } }),
  ],
  [
    "another depth",
    telling("minicpm", { scaleKeys: false }),
    ({ scales }) => ({ scales: { ...scales, residual: 1.4 / Math.sqrt(8) } }),
  ],
  ["unscaled embeddings", telling("gemma3"), ({ scales }) => ({ scales: { ...scales, embedding: 1 } })],
  ["a bias left out", telling("qwen2"), without("attn_k.bias")],
  ["the bias of a norm left out", telling("nemotron"), without("output_norm.bias")],
  ["the bias of up left out", telling("nemotron"), without("ffn_up.bias")],
  ["the bias of down left out", telling("nemotron"), without("ffn_down.bias")],
  ["the mean left in", telling("nemotron"), () => ({ layerNorm: false })],
  ["all channels rotated", telling("nemotron"), () => ({ ropeDims: 32 })],
  ["no norm of k", telling("qwen3"), without("attn_k_norm")],
  ["no norm after the FFN", telling("gemma3"), without("post_ffw_norm")],
  [
    "a window one longer",
    telling("gemma3", { window: 3 }),
    ({ windowOf }) => ({ windowOf: (l) => windowOf(l) && windowOf(l) + 1 }),
  ],
  ["a window in every layer", telling("gemma3", { window: 3 }), () => ({ windowOf: () => 3 })],
  ["one base for all layers", telling("gemma3", { window: 8, ropeBase: 1e6 }), () => ({ localBase: 1e6 })],
  ["up as it is", telling("bamboo"), () => ({ reluUp: false })],
  ["ReLU, not squared", telling("arcee"), () => ({ activation: "relu" })],
  ["erf GELU's cousin SiLU", telling("gemma3"), () => ({ activation: "silu" })],
  ["positions as they are", telling("llama", { scaling: "linear" }), () => ({ scaling: "none" })],
  ["linear for yarn", telling("llama", { scaling: "yarn" }), () => ({ scaling: "linear" })],
  ["yarn of another context", telling("llama", { scaling: "yarn" }), () => ({ originalContext: 64 })],
  ["frequencies as they are", telling("llama", { freqs: true }), without("rope_freqs")],
])("the comparison sees %s", async (what, llama, wrong) => {
  const path = join(folder, `${what}.gguf`);
  expect((await compareWithReference(llama, path)).error).toBeLessThanOrEqual(LIMIT);
  const { error } = await compareWithReference({ ...llama, model: { ...llama.model, ...wrong(llama.model) } }, path);
  expect(error).toBeGreaterThan(LIMIT);
});

test("the comparison sees another t, another base of the rotation and another epsilon", async () => {
  const shape = {
    ...randomShape(1, "llama"),
    scaling: "none",
    freqs: false,
    magic: "GGUF",
    activation: "fatrelu",
    layers: 2,
    t: [0.1, 0.2],
  } as const;
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

test("info tells how each kind of layer sees positions", async () => {
  const info = async (architecture: ArchitectureName, more: Partial<Shape>) => {
    const path = join(folder, `info-${architecture}.gguf`);
    writeFileSync(path, telling(architecture, more).bytes);
    const facts = await describeFile(await openFile(path), undefined);
    return facts.find(({ key }) => key === "rope")!;
  };
  const gemma = await info("gemma3", { window: 3, ropeBase: 1e6, scaling: "linear" });
  expect(gemma.text).toMatch(
    /^base 10000, a window of the last 3 positions, in 6 of 7 layers; base 1000000, positions scaled by 1\/[\d.]+ \(linear\), in 1 of 7 layers$/,
  );
  expect(gemma.value).toMatchObject([
    { layers: 6, base: 10000, factor: 1, window: 3, pairs: "halves" },
    { layers: 1, base: 1e6, window: 0, yarn: false },
  ]);
  expect((await info("nemotron", { ropeBase: 500000 })).text).toBe("base 500000, the first 16 channels of a head");
  expect((await info("llama", { ropeBase: 10000, scaling: "yarn", freqs: true })).text).toMatch(
    /^base 10000, positions scaled by 1\/[\d.]+ \(yarn\), frequencies divided by rope_freqs$/,
  );
});
