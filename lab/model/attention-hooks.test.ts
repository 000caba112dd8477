/** Points of attention, functions as interventions, prompts side by side and the float16 cache, on a small llama with grouped heads. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { folder, small, writeSmallLlama } from "../../test/support/small-llama.js";
import { LabError } from "../errors.js";
import { internalsOf } from "./internals.js";
import { ablate, type Intervention, patch } from "./interventions.js";
import { loadQuietly } from "./load.js";
import type { Model } from "./model.js";

const prompt = [1, 7, 20, 3, 33, 12, 5];
const T = prompt.length;
let dir: Awaited<ReturnType<typeof folder>>;
let path: string;
let model: Model;
beforeAll(async () => {
  dir = await folder();
  path = writeSmallLlama(dir.path);
  ({ model } = await loadQuietly(path, { threads: 2, strategy: "exact" }));
});
afterAll(async () => {
  model.dispose();
  await dir.remove();
});

const bits = (values: Float32Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("hex");
const everything = [
  "blocks.*.attn.q",
  "blocks.*.attn.k",
  "blocks.*.attn.v",
  "blocks.*.attn.scores",
  "blocks.*.attn.pattern",
  "blocks.*.attn.z",
  "blocks.*.attn.out",
  "blocks.*.attn.add",
  "blocks.*.resid_post",
] as const;
const called = (at: string, fn: (x: Float32Array, at: { layer: number; token: number }) => unknown) =>
  model.with({ interventions: [{ at, do: "call", fn: fn as () => void }] });

describe("points of attention", () => {
  it("have the shapes of their axes", async () => {
    const { cache } = await model.run(prompt, { capture: everything });
    const K = internalsOf(model).weights.info.headSize;
    expect(cache.get("blocks.*.attn.q").size).toEqual({ layer: small.layers, token: T, head: small.heads, channel: K });
    expect(cache.get("blocks.1.attn.k").size).toEqual({ token: T, head: small.kvHeads, channel: K });
    expect(cache.get("blocks.*.attn.pattern").size).toEqual({ layer: small.layers, head: small.heads, query: T, key: T });
    expect(cache.get("blocks.0.attn.scores").size).toEqual({ head: small.heads, query: T, key: T });
    expect(cache.get("blocks.0.attn.z").size).toEqual({ token: T, head: small.heads, channel: K });
  });

  it("agree with float64: scores from q and k, pattern from scores, z from pattern and v, out from z", async () => {
    const { cache } = await model.run(prompt, { capture: everything });
    const K = internalsOf(model).weights.info.headSize;
    const { heads: H, kvHeads: G } = small;
    for (let layer = 0; layer < small.layers; layer++) {
      const [q, k, v, scores, pattern, z, out] = (["q", "k", "v", "scores", "pattern", "z", "out"] as const).map(
        (name) => cache.get(`blocks.*.attn.${name}`).at({ layer }).data,
      ) as [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array, Float32Array, Float32Array];
      const weight = await model.weight(`blk.${layer}.attn_output.weight`);
      for (let i = 0; i < T; i++) {
        for (let h = 0; h < H; h++) {
          const kv = Math.floor(h / (H / G));
          const own = Array.from({ length: T }, (_, j) => {
            if (j > i) return Number.NEGATIVE_INFINITY;
            let sum = 0;
            for (let c = 0; c < K; c++) sum += q[(i * H + h) * K + c]! * k[(j * G + kv) * K + c]!;
            return sum / Math.sqrt(K);
          });
          const total = own.reduce((sum, score) => sum + Math.exp(score), 0);
          const mixed = new Float64Array(K);
          own.forEach((score, j) => {
            const at = (h * T + i) * T + j;
            if (j > i) expect([scores[at], pattern[at]]).toEqual([Number.NEGATIVE_INFINITY, 0]);
            else expect(scores[at]).toBeCloseTo(score, 4);
            expect(pattern[at]).toBeCloseTo(Math.exp(score) / total, 5);
            for (let c = 0; c < K; c++) mixed[c]! += pattern[at]! * v[(j * G + kv) * K + c]!;
          });
          mixed.forEach((value, c) => {
            expect(z[(i * H + h) * K + c]).toBeCloseTo(value, 5);
          });
        }
        for (let d = 0; d < small.hidden; d++) {
          let sum = 0;
          for (let c = 0; c < H * K; c++) sum += weight.data[d * H * K + c]! * z[i * H * K + c]!;
          expect(out[i * small.hidden + d]).toBeCloseTo(sum, 4);
        }
      }
    }
  });

  it("change no bit of the rest by being captured", async () => {
    const plain = await model.run(prompt, { capture: "blocks.*.resid_post" });
    const seen = await model.run(prompt, { capture: everything });
    expect(bits(seen.logits.data)).toBe(bits(plain.logits.data));
    expect(bits(seen.cache.get("blocks.*.resid_post").data)).toBe(bits(plain.cache.get("blocks.*.resid_post").data));
  });

  it("grow by one key at each generated token, with the bits of one pass", async () => {
    const tokens = [...prompt];
    const sizes: number[] = [];
    let last: Float32Array | undefined;
    const view = model.with({ strategy: "exact" });
    for await (const step of view.generate(prompt, { capture: "blocks.1.attn.pattern", maxTokens: 3 })) {
      const pattern = step.cache.get("blocks.1.attn.pattern");
      sizes.push(pattern.size.key);
      last = pattern.data;
      tokens.push(step.token);
    }
    expect(sizes.slice(0, 2)).toEqual([T, T + 1]);
    const whole = await view.run(tokens.slice(0, T + sizes.length - 1), { capture: "blocks.1.attn.pattern" });
    expect(bits(whole.cache.get("blocks.1.attn.pattern").at({ query: -1 }).data)).toBe(bits(last!));
  });

  it("are changed by interventions, head by head", async () => {
    const off = model.with({ interventions: [ablate("blocks.0.attn.pattern", { heads: [1] })] });
    const run = await off.run(prompt, { capture: ["blocks.0.attn.z", "blocks.0.attn.pattern"] });
    const z = run.cache.get("blocks.0.attn.z");
    expect(Math.max(...z.at({ head: 1 }).data.map(Math.abs))).toBe(0);
    expect(Math.max(...z.at({ head: 0 }).data.map(Math.abs))).toBeGreaterThan(0);
    const byZ = await model.with({ interventions: [ablate("blocks.0.attn.z", { heads: [1] })] }).run(prompt);
    expect(bits(byZ.logits.data)).toBe(bits(run.logits.data));
    const even = await model
      .with({ interventions: [ablate("blocks.0.attn.scores")] })
      .run(prompt, { capture: "blocks.0.attn.pattern" });
    expect(even.cache.get("blocks.0.attn.pattern").at({ head: 2, query: 3 }).data[2]).toBeCloseTo(0.25, 6);
  });

  it("take values of another run: patching all of z gives that run's attention", async () => {
    const other = await model.run([1, 30, 2, 4, 9, 11, 8], { capture: ["blocks.0.attn.z", "blocks.0.attn.out"] });
    const view = model.with({ interventions: [patch("blocks.0.attn.z", other.cache.get("blocks.0.attn.z"))] });
    const run = await view.run(prompt, { capture: "blocks.0.attn.out" });
    expect(bits(run.cache.get("blocks.0.attn.out").data)).toBe(bits(other.cache.get("blocks.0.attn.out").data));
  });

  it("are counted before memory is taken", async () => {
    expect(() =>
      model.with({ interventions: [{ at: "blocks.0.attn.pattern", do: "add", vector: new Float32Array(4) }] }),
    ).toThrow(/"add" is not available at blocks\.0\.attn\.pattern; "zero" and "scale" are/);
    expect(() => model.with({ interventions: [ablate("blocks.0.attn.k", { heads: [2] })] })).toThrow(/from 0 to 1, received 2/);
    expect(() => model.with({ interventions: [ablate("blocks.0.ffn.out", { heads: [0] })] })).toThrow(/has no heads/);
  });
});

describe("a function as an intervention", () => {
  it("gives the bits of the same change as data, at every kind of point", async () => {
    for (const at of [
      "embed",
      "blocks.*.attn.q",
      "blocks.1.attn.out",
      "blocks.*.ffn.mid",
      "blocks.0.resid_post",
      "logits",
    ] as const) {
      const data = await model.with({ interventions: [{ at, do: "scale", by: 0.5 }] }).run(prompt);
      const seen: string[] = [];
      const fn = (x: Float32Array, { layer, token }: { layer: number; token: number }) => {
        seen.push(`${layer}:${token}`);
        for (let i = 0; i < x.length; i++) x[i]! *= 0.5;
      };
      const code = await model.with({ interventions: [{ at, do: "call", fn }] }).run(prompt);
      expect(bits(code.logits.data), at).toBe(bits(data.logits.data));
      const layers = at.includes("*") ? [0, 1] : [at.includes(".1.") ? 1 : 0];
      expect(seen, at).toEqual(layers.flatMap((layer) => prompt.map((_, token) => `${layer}:${token}`)));
    }
  });

  it("applies in the list's order, and its values are captured", async () => {
    const add: Intervention = { at: "blocks.0.resid_mid", do: "add", vector: new Float32Array(small.hidden).fill(1) };
    const view = model.with({
      interventions: [
        { at: "blocks.0.resid_mid", do: "call", fn: (x) => void x.fill(2) },
        add,
        { at: "blocks.0.resid_mid", do: "call", fn: (x): void => x.set([3 * x[0]!]) },
      ],
    });
    const run = await view.run(prompt, { capture: "blocks.0.resid_mid" });
    expect([...run.cache.get("blocks.0.resid_mid").at({ token: 2 }).data.subarray(0, 2)]).toEqual([9, 3]);
  });

  const faults: readonly (readonly [string, (x: Float32Array) => unknown, string, RegExp])[] = [
    [
      "throws",
      () => {
        throw new Error("no luck");
      },
      "invalid-option",
      /blocks\.1\.ffn\.out for token 0 threw: no luck/,
    ],
    ["is async", async () => undefined, "invalid-option", /blocks\.1\.ffn\.out for token 0 returned a promise/],
    [
      "sets NaN",
      (x: Float32Array): void => x.set([Number.NaN], 3),
      "not-finite",
      /blocks\.1\.ffn\.out for token 0 set value 3 to NaN/,
    ],
    ["returns another array", () => new Float32Array(3), "invalid-option", /returned an array of 3 values.*change the 32 values/],
    [
      "gives its array away",
      (x: Float32Array) => void structuredClone(x.buffer, { transfer: [x.buffer as ArrayBuffer] }),
      "invalid-option",
      /gave its array of 32 values away/,
    ],
  ];
  it.each(faults)("that %s is an error with its layer and point", async (_, fn, code, message) => {
    const error = await called("blocks.1.ffn.out", fn as () => unknown)
      .run(prompt)
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LabError);
    expect((error as LabError).code).toBe(code);
    expect((error as LabError).message).toMatch(message);
  });

  it("wakes silent neurons alike under dense and exact", async () => {
    const interventions: Intervention[] = [{ at: "blocks.0.ffn.mid", do: "call", fn: (x) => void x.fill(0.25) }];
    const [dense, exact] = await Promise.all(
      (["dense", "exact"] as const).map((strategy) => model.with({ strategy, interventions }).run(prompt)),
    );
    expect(bits(exact!.logits.data)).toBe(bits(dense!.logits.data));
    expect(bits(exact!.logits.data)).not.toBe(bits((await model.run(prompt)).logits.data));
  });

  it("stops when asked from inside it", async () => {
    const stop = new AbortController();
    let calls = 0;
    const view = called("blocks.0.resid_pre", () => {
      calls++;
      stop.abort();
    });
    await expect(view.run(prompt, { signal: stop.signal })).rejects.toMatchObject({ code: "aborted" });
    expect(calls).toBeLessThan(prompt.length);
  });

  it("gives what it threw as the cause, and the stack has the lines of both", async () => {
    const own = new TypeError("mine\n of two lines");
    const mine = () => {
      throw own;
    };
    const waitingHere = async () => await called("blocks.1.ffn.out", mine).run(prompt);
    const error = await waitingHere().catch((reason: unknown) => reason as Error);
    expect(error).toMatchObject({ code: "invalid-option", cause: own });
    expect((error as Error).stack).toMatch(/waitingHere/);
    expect(own.stack).toMatch(/mine/);
  });

  it("lets timers run between calls, so that one can stop the run", async () => {
    const controller = new AbortController();
    let calls = 0;
    const view = called("blocks.*.ffn.mid", () => {
      calls++;
      for (const end = performance.now() + 2; performance.now() < end; );
    });
    setTimeout(() => controller.abort(), 30);
    const long = Array.from({ length: 40 }, (_, i) => prompt[i % prompt.length]!);
    await expect(view.run(long, { signal: controller.signal })).rejects.toMatchObject({ code: "aborted" });
    expect(calls).toBeLessThan(view.layers * long.length);
    view.dispose();
  });
});

describe("runBatch", () => {
  const prompts = [prompt, [1, 2], [1, 9, 8, 7, 6, 5, 4, 3, 2, 10, 11], [1]];
  it("gives the bits of one prompt at a time, captures and likelihoods too", async () => {
    const capture = ["blocks.*.attn.pattern", "blocks.1.ffn.mid", "blocks.0.attn.k"] as const;
    for (const logits of ["all", "last"] as const) {
      const shares: number[] = [];
      const runs = await model.runBatch(prompts, { capture, logits, onProgress: (share) => shares.push(share) });
      expect(runs).toHaveLength(prompts.length);
      expect(shares.at(-1)).toBe(1);
      for (const [i, tokens] of prompts.entries()) {
        const alone = await model.run(tokens, { capture, logits });
        for (const point of capture) expect(bits(runs[i]!.cache.get(point).data), point).toBe(bits(alone.cache.get(point).data));
        expect(bits(runs[i]!.logits.data)).toBe(bits(alone.logits.data));
        expect(bits(runs[i]!.logprobs)).toBe(bits(alone.logprobs));
        expect(bits(runs[i]!.sparsity.data)).toBe(bits(alone.sparsity.data));
      }
    }
  });

  it("goes through the weights in several chunks with the same bits", async () => {
    const many = Array.from({ length: 40 }, (_, i) => [1, ...prompt.slice(0, 1 + (i % 6)), (i % 30) + 2, 4, 5, 6]);
    const runs = await model.runBatch(many, { logits: "last", capture: "blocks.1.resid_post" });
    for (const i of [0, 13, 27, 39]) {
      const alone = await model.run(many[i]!, { logits: "last", capture: "blocks.1.resid_post" });
      expect(bits(runs[i]!.logits.data)).toBe(bits(alone.logits.data));
      expect(bits(runs[i]!.cache.get("blocks.1.resid_post").data)).toBe(bits(alone.cache.get("blocks.1.resid_post").data));
    }
  });

  it("says which prompt is wrong, and stops", async () => {
    await expect(model.runBatch([prompt, [1, 99]])).rejects.toThrow(/^prompt 1: /);
    await expect(model.runBatch([])).rejects.toThrow(/at least one prompt/);
    await expect(model.runBatch(prompts, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" });
  });
});

describe("a float16 KV cache", () => {
  it("takes half the memory, rounds k and v to nearest, and is as near as that", async () => {
    const { model: half } = await loadQuietly(path, { threads: 2, kv: "f16" });
    try {
      expect(half.memory.cache * 2).toBe(model.memory.cache);
      const capture = ["blocks.0.attn.k", "blocks.0.attn.v"] as const;
      const [exact, rounded] = [await model.run(prompt, { capture }), await half.run(prompt, { capture })];
      for (const point of capture) {
        const [a, b] = [exact.cache.get(point).data, rounded.cache.get(point).data];
        const ulps = a.map((value, i) => Math.abs(value - b[i]!) / 2 ** (Math.floor(Math.log2(Math.abs(value))) - 10));
        expect(Math.max(...ulps)).toBeLessThanOrEqual(0.5);
        expect(Math.max(...ulps)).toBeGreaterThan(0);
      }
      const size = Math.hypot(...exact.logits.data);
      const apart = Math.hypot(...exact.logits.data.map((value, i) => value - rounded.logits.data[i]!));
      expect(apart).toBeGreaterThan(0);
      expect(apart / size).toBeLessThan(2e-3);
      const view = half.with({ strategy: "dense" });
      expect(bits((await view.run(prompt)).logits.data)).toBe(bits(rounded.logits.data));
    } finally {
      half.dispose();
    }
  });
});

it("kv f16: keys and values beyond float16 are an error that says so, never a score of infinity", async () => {
  const half = (await loadQuietly(path, { threads: 2, kv: "f16", strategy: "exact" })).model;
  for (const at of ["blocks.1.attn.k", "blocks.1.attn.v"] as const) {
    const change = { interventions: [{ at, do: "call", fn: (x: Float32Array) => void x.fill(-7e4, 3, 4) }] } as const;
    await expect(half.with(change).run(prompt)).rejects.toMatchObject({
      code: "not-finite",
      message: expect.stringMatching(/layer 1 at position 0 are beyond 65504.*kv "f32"/),
    });
    const just = half.with({ interventions: [{ at, do: "call", fn: (x: Float32Array) => void x.fill(-65519, 3, 4) }] });
    expect((await just.run(prompt, { capture: at })).cache.get(at).data[3]).toBe(-65504);
    expect((await model.with(change).run(prompt, { capture: at })).cache.get(at).data[3]).toBe(-70000);
  }
  half.dispose();
});
