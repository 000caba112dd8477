/** Every call counts its memory before it allocates: one that fits alone but not beside another waits or is refused, with byte counts. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { folder, small, writeSmallLlama } from "../../test/support/small-llama.js";
import { native } from "../native.js";
import { sequencePlan } from "../runtime/batch.js";
import { availableBytes } from "../runtime/memory.js";
import { prefillNeeds } from "../runtime/prefill.js";
import { tensor } from "../tensor.js";
import { internalsOf } from "./internals.js";
import { patch, steer } from "./interventions.js";
import { loadQuietly } from "./load.js";
import type { Model } from "./model.js";

let dir: Awaited<ReturnType<typeof folder>>;
let model: Model;
let path: string;
beforeAll(async () => {
  dir = await folder();
  path = writeSmallLlama(dir.path, { keys: { "llama.hidden_activation": { type: "string", value: "relu" } } });
  ({ model } = await loadQuietly(path, { threads: 1 }));
});
afterEach(() => vi.restoreAllMocks());
afterAll(async () => {
  model.dispose();
  await dir.remove();
});

/** So many bytes are free. */
function free(bytes: number): void {
  vi.spyOn(process, "constrainedMemory").mockReturnValue(Math.max(1, bytes));
  vi.spyOn(process.memoryUsage, "rss").mockReturnValue(0);
}
const prompt = [1, 5, 6, 7, 8];
/** What a run of this prompt takes. */
function runBytes(): number {
  const { weights, native: setting, threads } = internalsOf(model);
  return prefillNeeds(weights, sequencePlan(setting, [], prompt.length, threads), [], prompt.length, "all").reduce(
    (sum, { bytes }) => sum + bytes,
    0,
  );
}
const outOf = (message: RegExp) => ({ code: "out-of-memory", message: expect.stringMatching(message) });

describe("counted before it is taken", () => {
  it("a run: KV cache, rotation table, scratch and logits", async () => {
    const { headSize } = internalsOf(model).weights.info;
    const { cacheBytes, rotationBytes } = native().estimate(
      internalsOf(model).weights.native,
      { ...sequencePlan(internalsOf(model).native, [], 64, 1) },
      1,
      1,
    );
    expect(rotationBytes).toBe(64 * headSize * 4);
    // Room for 64 positions is rounded up to an odd number of cache lines: 80.
    expect(cacheBytes).toBe(2 * small.layers * 80 * small.kvHeads * headSize * 4);
    free(runBytes() - 1);
    await expect(model.run(prompt)).rejects.toMatchObject(outOf(/KV cache .*rotation table .*scratch /));
    free(runBytes());
    await expect(model.run(prompt)).resolves.toMatchObject({ tokens: prompt });
  });

  it("a weight as float32", async () => {
    const bytes = small.vocab * small.hidden * 4;
    free(bytes - 1);
    await expect(model.weight("output.weight")).rejects.toMatchObject(
      outOf(new RegExp(`output.weight as float32 .*\\(${bytes} bytes\\)`)),
    );
    free(bytes);
    expect((await model.weight("output.weight")).data.byteLength).toBe(bytes);
    expect(availableBytes()).toBe(bytes);
  });

  it("copies of interventions, once for the same array and once for all views and settings", async () => {
    const rows = tensor(new Float32Array(8 * small.hidden).fill(1), ["token", "hidden"], [8, small.hidden]);
    const vector = new Float32Array(small.hidden).fill(1);
    const interventions = [
      patch("blocks.0.resid_post", rows),
      patch("blocks.1.resid_mid", rows),
      ...Array.from({ length: 300 }, () => steer("blocks.0.resid_pre", vector)),
    ];
    const bytes = rows.data.byteLength + vector.byteLength;
    free(bytes - 1);
    const kept = vi.spyOn(native(), "keepValues");
    expect(() => model.with({ interventions })).toThrow(
      expect.objectContaining(outOf(new RegExp(`copies of the interventions' values .*\\(${bytes} bytes\\)`))),
    );
    expect(kept).not.toHaveBeenCalled();
    free(bytes);
    const view = model.with({ interventions });
    expect(kept).toHaveBeenCalledTimes(2);
    const other = view.with({ policy: { kind: "fatrelu", t: 0.1 } });
    expect(internalsOf(other).native.interventions).toBe(internalsOf(view).native.interventions);
    expect(kept).toHaveBeenCalledTimes(2);
    view.dispose();
    other.dispose();
  });

  it("the regrouped ffn_down of a file that is not open yet", async () => {
    const second = writeSmallLlama(dir.path, { file: "second.gguf", seed: 2 });
    const bytes = small.layers * small.hidden * small.neurons * 4;
    free(bytes - 1);
    await expect(loadQuietly(second, { strategy: "exact" })).rejects.toMatchObject(
      outOf(new RegExp(`ffn_down is copied .*: ${bytes} bytes, and ${bytes - 1} are free`)),
    );
    // One that is open is shared: nothing is copied.
    (await loadQuietly(path, { strategy: "exact" })).model.dispose();
    free(bytes);
    (await loadQuietly(second, { strategy: "exact" })).model.dispose();
    expect(availableBytes()).toBe(bytes);
    // A file by neuron needs no copy.
    free(1);
    (await loadQuietly(writeSmallLlama(dir.path, { file: "third.gguf", magic: "PWRI" }))).model.dispose();
    // Nor one whose strategy skips no neuron.
    const { model: dense } = await loadQuietly(writeSmallLlama(dir.path, { file: "fourth.gguf", seed: 4 }), {
      strategy: "dense",
    });
    expect(dense.memory.weights).toBe(internalsOf(dense).weights.info.mappedBytes);
    expect(() => dense.with({ strategy: "exact" })).toThrow(
      /loaded with it as stored, by output. Load the file with \{ strategy: "exact" \}/,
    );
    dense.dispose();
  });

  it("calls that run at the same time: one after the other where they do not fit together, to the same bits", async () => {
    const want = (await model.run(prompt)).logits.data;
    const compile = vi.spyOn(native(), "compile");
    const close = vi.spyOn(native(), "closeProgram");
    free(runBytes());
    const runs = await Promise.all([1, 2, 3].map(() => model.run(prompt)));
    for (const run of runs) expect(run.logits.data).toEqual(want);
    // Each was compiled after the one before it was closed.
    const order = [
      ...compile.mock.invocationCallOrder.map((at) => ({ at, what: "compile" })),
      ...close.mock.invocationCallOrder.map((at) => ({ at, what: "close" })),
    ]
      .sort((a, b) => a.at - b.at)
      .map(({ what }) => what);
    expect(order.slice(0, 5)).toEqual(["compile", "close", "compile", "close", "compile"]);
  });

  it("a generation that its reader holds open: other calls are refused until it ends", async () => {
    const generation = model.generate(prompt, { maxTokens: 8 });
    for await (const _ of generation) {
      free(runBytes());
      await expect(model.run(prompt)).rejects.toMatchObject(outOf(/reserved by 1 generation not read to the end/));
      vi.restoreAllMocks();
      break;
    }
    free(runBytes());
    await expect(model.run(prompt)).resolves.toMatchObject({ tokens: prompt });
    await expect(model.generate(prompt, { maxTokens: 50 }).text()).rejects.toMatchObject(outOf(/Give a smaller maxTokens/));
    expect(availableBytes()).toBe(runBytes());
  });
});
