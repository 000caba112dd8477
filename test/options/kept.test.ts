/**
 * Callers may change what they passed: every argument is overwritten right after the call and again while it runs, and the result must be bit for
 * bit that of a call with untouched arguments. Results belong to the caller, too: changing one changes nothing later. Random models, prompts,
 * interventions and options; a failure prints the seed.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Intervention, type Model, measure, type Policy, patch, steer, sweep, tensor } from "../../lab/index.js";
import { internalsOf } from "../../lab/model/internals.js";
import { loadQuietly } from "../../lab/model/load.js";
import { native } from "../../lab/native.js";
import { countSinks } from "../../lab/runtime/batch.js";
import { random } from "../support/seed.js";
import { folder, small, writeSmallLlama } from "../support/small-llama.js";

const { layers, hidden, neurons, vocab } = small;
const T = 9;
let dir: Awaited<ReturnType<typeof folder>>;
let model: Model;
let textPath: string;
beforeAll(async () => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  vi.spyOn(process.stdout, "write").mockReturnValue(true);
  dir = await folder();
  const keys = { "llama.hidden_activation": { type: "string", value: "relu" } } as const;
  const path = writeSmallLlama(dir.path, { keys, seed: 1 + Math.floor(random() * 1e6) });
  ({ model } = await loadQuietly(path, { threads: 2 }));
  textPath = join(dir.path, "text.txt");
  writeFileSync(textPath, "a bad cab, a fed bee. deaf face! ".repeat(6));
});
afterAll(async () => {
  vi.restoreAllMocks();
  model.dispose();
  await dir.remove();
});

/** Overwrites everything that a value holds, deeply: lists are emptied and filled anew, numbers and texts replaced, arrays zeroed. */
function spoil(value: unknown, seen = new Set<unknown>()): void {
  if (typeof value !== "object" || value === null || seen.has(value) || value instanceof AbortSignal) return;
  seen.add(value);
  if (ArrayBuffer.isView(value)) {
    new Uint8Array(value.buffer, value.byteOffset, value.byteLength).fill(0x3f);
    return;
  }
  const plain = Object.getPrototypeOf(value) === Object.prototype;
  // A tensor's data is its caller's; a model is not data.
  if (!Array.isArray(value) && !plain) {
    spoil((value as { data?: unknown }).data, seen);
    return;
  }
  for (const key of Object.keys(value)) spoil((value as Record<string, unknown>)[key], seen);
  if (Object.isFrozen(value)) return;
  if (Array.isArray(value)) value.length = 0;
  for (const key of Object.keys(value)) {
    const record = value as Record<string, unknown>;
    if (typeof record[key] === "object" && record[key] !== null) delete record[key];
    else record[key] = typeof record[key] === "number" ? 0 : "spoiled";
  }
}
/** Overwrites now and at every turn of the event loop until the call has ended. */
async function spoiledUntilDone<T>(running: Promise<T>, given: unknown): Promise<T> {
  spoil(given);
  let going = true;
  const again = () => {
    spoil(given);
    if (going) setImmediate(again);
  };
  setImmediate(again);
  try {
    return await running;
  } finally {
    going = false;
  }
}

const float = fc.float({ min: -4, max: 4, noNaN: true, noDefaultInfinity: true });
const floats = (n: number) => fc.array(float, { minLength: n, maxLength: n }).map((list) => Float32Array.from(list));
const list = (count: number) => fc.array(fc.nat(count - 1), { minLength: 1, maxLength: 4 });
const withWhere = (neuronal: boolean) =>
  fc.record({ tokens: list(T), ...(neuronal && { neurons: list(neurons) }) }, { requiredKeys: [] });
/** Builds a new value at each call: one to be overwritten, one that stays unchanged. */
type Made<T> = () => T;
const intervention: fc.Arbitrary<Made<Intervention>> = fc.oneof(
  withWhere(true).map((where) => () => ({ at: "blocks.*.ffn.mid", do: "zero", where: structuredClone(where) }) as Intervention),
  fc.tuple(withWhere(false), float).map(
    ([where, by]) =>
      () =>
        ({ at: "blocks.1.resid_pre", do: "scale", by, where: structuredClone(where) }) as Intervention,
  ),
  fc.tuple(floats(hidden), float).map(
    ([vector, scale]) =>
      () =>
        steer("blocks.0.resid_post", vector.slice(), scale),
  ),
  floats(T * hidden).map((data) => () => patch("blocks.1.resid_mid", tensor(data.slice(), ["token", "hidden"], [T, hidden]))),
  floats(2 * 3 * neurons).map(
    (data) => () => patch("blocks.*.ffn.gate", tensor(data.slice(), ["layer", "token", "neuron"], [layers, 3, neurons])),
  ),
);
const policy: fc.Arbitrary<Made<Policy>> = fc.oneof(
  fc
    .array(fc.float({ min: 0, max: 1, noNaN: true }), { minLength: layers, maxLength: layers })
    .map((t) => () => ({ kind: "fatrelu" as const, t: [...t] })),
  fc.constant(() => ({ kind: "as-trained" as const })),
);
const change = fc
  .tuple(policy, fc.array(intervention, { maxLength: 4 }), fc.constantFrom("dense", "exact"))
  .map(([makePolicy, made, strategy]) => () => ({
    policy: makePolicy(),
    strategy: strategy as "dense" | "exact",
    interventions: made.map((make) => make()),
  }));
const ids = fc.array(fc.integer({ min: 3, max: vocab - 1 }), { minLength: 2, maxLength: T });
const runs = { numRuns: 25 };

/** Results without times. */
const lasting = (result: object) =>
  JSON.stringify(result, (key, value) =>
    key === "date" ? undefined : ArrayBuffer.isView(value) ? Array.from(value as Float32Array) : value,
  );

describe("what the caller keeps, the caller may change", () => {
  it("run: prompt, options, and everything that made the view", () =>
    fc.assert(
      fc.asyncProperty(change, ids, async (makeChange, prompt) => {
        const names = ["blocks.*.ffn.mid", "blocks.1.resid_post"] as const;
        const make = () => ({ prompt: [...prompt], options: { capture: [...names], logits: "all" as "all" | "last" } });
        const [left, right] = [makeChange(), makeChange()];
        const untouched = model.with(left);
        const spoiled = model.with(right);
        spoil(right);
        const expected = make();
        const want = await untouched.run(expected.prompt, expected.options);
        const given = make();
        const got = await spoiledUntilDone(spoiled.run(given.prompt, given.options), [given, right]);
        expect(given.prompt).toEqual(undefined);
        expect(got.tokens).toEqual(prompt);
        expect(got.logits.data).toEqual(want.logits.data);
        expect(got.logprobs).toEqual(want.logprobs);
        for (const name of names) expect(got.cache.get(name).data).toEqual(want.cache.get(name).data);
        // Views of the view, and its properties.
        const again = spoiled.with({});
        expect((await again.run([...prompt])).logits.data).toEqual(want.logits.data);
        expect(lasting(spoiled.interventions)).toBe(lasting(untouched.interventions));
        expect(spoiled.policy).toEqual(untouched.policy);
        for (const view of [again, spoiled, untouched]) view.dispose();
      }),
      runs,
    ));

  it("messages and stop texts: generate reads them once", () =>
    fc.assert(
      fc.asyncProperty(change, ids, fc.constantFrom("e", "a", "bc"), async (makeChange, prompt, stop) => {
        const view = model.with(makeChange());
        const make = () => ({
          prompt: [...prompt],
          options: { capture: ["embed"] as "embed"[], maxTokens: 6, stop: [stop], temperature: 1, seed: 3, topK: 5 },
        });
        const expected = make();
        const want: unknown[] = [];
        for await (const step of view.generate(expected.prompt, expected.options))
          want.push([step.token, step.text, step.logprob, Array.from(step.cache.get("embed").data)]);
        const given = make();
        const held = given.prompt;
        const generation = view.generate(held, given.options);
        spoil(given);
        const got: unknown[] = [];
        for await (const step of generation) {
          got.push([step.token, step.text, step.logprob, Array.from(step.cache.get("embed").data)]);
          // Results belong to the reader: the step, and the prompt's run.
          spoil([step.sparsity, step.cache.get("embed").data, given]);
          const first = await generation.prompt;
          spoil([first.logits.data, first.logprobs, first.cache.get("embed").data, first.sparsity.data]);
          held.push(step.token);
        }
        expect(got).toEqual(want);
        expect((await generation.prompt).tokens).toEqual(prompt);
        view.dispose();
      }),
      runs,
    ));

  it("generate: the prompt's run, changed before the first step is read", async () => {
    const prompt = [1, 5, 6, 7];
    const want = await model.generate(prompt, { maxTokens: 5 }).text();
    const generation = model.generate(prompt, { maxTokens: 5 });
    const run = await generation.prompt;
    const { perplexity } = run;
    run.logits.data.fill(0);
    run.logits.data[3] = 100;
    spoil([run.logprobs, run.sparsity.data]);
    expect(await generation.text()).toBe(want);
    expect(run.perplexity).toBe(perplexity);
  });

  it("measure and sweep: corpus, measures, policies, reference and window", () =>
    fc.assert(
      fc.asyncProperty(change, fc.array(policy, { minLength: 1, maxLength: 3 }), async (makeChange, policies) => {
        const view = model.with(makeChange());
        const make = () => ({
          on: { name: "text.txt", path: textPath, maxTokens: 40 },
          options: {
            measure: ["sparsity", "perplexity", "kl", "top1"] as ("sparsity" | "perplexity" | "kl" | "top1")[],
            reference: model,
            window: 16,
          },
          over: policies.map((one) => one()),
        });
        const left = make();
        const want = await measure(view, left.on, left.options);
        const right = make();
        const got = await spoiledUntilDone(measure(view, right.on, right.options), right);
        expect(lasting(got)).toBe(lasting(want));

        const swept = async (spoils: boolean) => {
          const { on, options, over } = make();
          const given = { ...options, on, over };
          const running = sweep(view, given);
          const all = async () => {
            const points = [];
            for await (const point of running) points.push(point);
            return points;
          };
          if (spoils) spoil(given);
          return lasting(spoils ? await spoiledUntilDone(all(), given) : await all());
        };
        expect(await swept(true)).toBe(await swept(false));
        view.dispose();
      }),
      { numRuns: 8 },
    ));

  it("load: its options, which are used after the file was read", async () => {
    const make = () => ({
      policy: { kind: "fatrelu" as const, t: [0.1, 0.3] },
      strategy: "dense" as const,
      context: 32,
      threads: 1,
    });
    const given = make();
    const { model: opened } = await spoiledUntilDone(loadQuietly(model.path, given), given);
    expect([opened.policy, opened.strategy, opened.context, opened.threads]).toEqual([make().policy, "dense", 32, 1]);
    opened.dispose();
  });

  it("with: model.interventions and similar properties give copies", async () => {
    const vector = Float32Array.from({ length: hidden }, (_, i) => i - 8);
    const view = model.with({
      policy: { kind: "fatrelu", t: [0.1, 0.2] },
      interventions: [
        steer("blocks.0.resid_post", vector),
        { at: "blocks.0.ffn.mid", do: "zero", where: { neurons: [3, 3, 1] } },
      ],
    });
    const want = (await view.run([1, 5, 6])).logits.data;
    const first = view.interventions;
    expect(lasting(first)).toBe(
      lasting([
        { at: "blocks.0.resid_post", do: "add", scale: 1, vector },
        { at: "blocks.0.ffn.mid", where: { neurons: [3, 1] }, do: "zero" },
      ]),
    );
    spoil(first);
    for (const handed of [view.activation, view.policy, view.predictors, view.hookPoints]) spoil(handed);
    expect((await view.run([1, 5, 6])).logits.data).toEqual(want);
    // The copies are valid arguments again.
    const again = view.with({ interventions: view.interventions });
    expect((await again.run([1, 5, 6])).logits.data).toEqual(want);
    again.dispose();
    view.dispose();
  });

  it("tensor: its sizes and axes", () => {
    const [dims, sizes] = [
      ["a", "b"],
      [2, 3],
    ];
    const x = tensor(Float32Array.of(1, 2, 3, 4, 5, 6), dims as ["a", "b"], sizes);
    spoil([dims, sizes]);
    expect(x.at({ a: 1, b: 2 }).data[0]).toBe(6);
  });

  it("thresholds by layer, as the model gives them", async () => {
    const keys = {
      "llama.hidden_activation": { type: "string", value: "fatrelu" },
      "sparselab.threshold": { type: "numbers", element: "f32", value: [0.1, 0.2] },
    } as const;
    const { model: opened } = await loadQuietly(writeSmallLlama(dir.path, { file: "fatrelu.gguf", keys }));
    const want = (await opened.run([1, 5, 6])).logits.data;
    spoil(opened.activation.t);
    const view = opened.with({});
    expect(view.activation.t).toEqual([Math.fround(0.1), Math.fround(0.2)]);
    expect((await view.run([1, 5, 6])).logits.data).toEqual(want);
    view.dispose();
    opened.dispose();
  });

  it("the executor's own calls: a batch in flight, x and neurons of one FFN", async () => {
    const { weights, native: setting } = internalsOf(model);
    const forward = async (spoils: boolean) => {
      const rows = 8;
      const program = native().compile(weights.native, {
        settings: [setting],
        captures: [],
        sequences: 1,
        length: rows,
        threads: 2,
      });
      const batch = {
        tokens: Int32Array.from({ length: rows }, (_, i) => 3 + i),
        positions: Int32Array.from({ length: rows }, (_, i) => i),
        sequences: new Int32Array(rows),
        settings: new Int32Array(rows),
        logits: new Uint8Array(rows).fill(1),
        targets: Int32Array.from({ length: rows }, (_, i) => 4 + i),
        references: new Int32Array(rows),
      };
      const sinks = {
        ...countSinks(layers, rows),
        logits: new Float32Array(rows * vocab),
        nll: new Float64Array(rows),
        kl: new Float64Array(rows),
      };
      const running = native().forward(program, batch, sinks);
      if (spoils) spoil(batch);
      await running;
      native().closeProgram(program);
      return [sinks.logits, sinks.nll, sinks.kl];
    };
    const ffn = async (spoils: boolean) => {
      const neurons = Array.from({ length: layers }, () => Int32Array.of(1, 4, 20));
      const { file } = await native().openFile(weights.table.path);
      const opening = native().open(file, { neurons });
      if (spoils) spoil(neurons);
      const part = await opening;
      native().closeFile(file);
      const given = { settings: [{ ...setting, t: setting.t.slice() }], captures: [], sequences: 1, length: 1, threads: 1 };
      const program = native().compile(part, given);
      if (spoils) spoil(given);
      const batch = { settings: new Int32Array(3), x: Float32Array.from({ length: 3 * hidden }, (_, i) => (i % 7) - 3) };
      const sinks = { y: new Float32Array(3 * hidden), gate: new Float32Array(9), mid: new Float32Array(9) };
      const running = native().ffn(program, 0, batch, sinks);
      if (spoils) spoil(batch);
      await running;
      native().closeProgram(program);
      native().closeModel(part);
      return sinks;
    };
    for (let round = 0; round < 20; round++) {
      expect(await forward(true)).toEqual(await forward(false));
      expect(await ffn(true)).toEqual(await ffn(false));
    }
  });
});
