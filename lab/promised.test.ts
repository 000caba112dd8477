/** A forgotten `await` is reported wherever the lab takes a model, a text, a run, points, a figure or a setting. */
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { corpus, fatrelu, load, measure, patch, plot, save, show, steer, sweep, tinyWorld } from "./index.js";
import { loadQuietly } from "./model/load.js";
import type { Model } from "./model/model.js";

const held = join(dirname(tinyWorld), "held.txt");
const on = corpus(held, { maxTokens: 64 });
const forgotten = /received a promise; did you forget await\?/;
let model: Model;
beforeAll(async () => {
  ({ model } = await loadQuietly(tinyWorld));
});
afterAll(() => model.dispose());

describe("a promise in place of a value", () => {
  const promise = Promise.resolve(0) as never;
  const options = { measure: ["sparsity"], window: 32 } as const;
  const uses: [string, () => unknown][] = [
    ["load", () => load(promise)],
    ["measure: model", () => measure(promise, on, options)],
    ["measure: corpus", () => measure(model, promise, options)],
    ["measure: measures", () => measure(model, on, { measure: promise })],
    ["measure: reference", () => measure(model, on, { measure: ["kl"], reference: promise, window: 32 })],
    ["sweep: model", () => sweep(promise, { ...options, over: fatrelu(0), on })],
    ["sweep: corpus", () => sweep(model, { ...options, over: fatrelu(0), on: promise })],
    ["sweep: policies", () => sweep(model, { ...options, over: promise, on })],
    ["sweep: a policy", () => sweep(model, { ...options, over: [promise], on })],
    ["corpus", () => corpus(promise)],
    ["corpus.text", () => corpus.text(promise)],
    ["run", () => model.run(promise)],
    ["generate", () => model.generate(promise)],
    ["with", () => model.with({ policy: promise })],
    ["weight", () => model.weight(promise)],
    ["steer", () => steer("blocks.1.resid_post", promise)],
    ["patch", () => patch("blocks.1.resid_post", promise)],
    ["pareto", () => plot.pareto(promise, "kl")],
    ["pareto: a sweep", () => plot.pareto(sweep(model, { ...options, over: fatrelu(0), on }) as never, "kl")],
    ["threshold", () => plot.threshold(promise, "kl")],
    ["sparsityByLayer", () => plot.sparsityByLayer(promise)],
    ["tokenLayer", () => plot.tokenLayer(promise)],
    ["show", () => show(promise)],
    ["save", () => save("never.json", promise)],
  ];
  it.each(uses)("%s", async (_, use) => {
    let error: unknown;
    try {
      await use();
    } catch (caught) {
      error = caught;
    }
    expect((error as Error | undefined)?.message).toMatch(forgotten);
  });
});

describe("a weight's name that the file does not have", () => {
  it("names the nearest, and what there is", async () => {
    await expect(model.weight("blk.3.ffn_dwn.weight")).rejects.toThrow(
      /no weight "blk\.3\.ffn_dwn\.weight"\. Did you mean "blk\.3\.ffn_down\.weight"\? It has .*blk\.\*\.ffn_down\.weight/,
    );
    await expect(model.weight("wrong")).rejects.toMatchObject({
      code: "invalid-option",
      message: expect.stringMatching(/It has /),
    });
  });
});
