import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { logSumExp } from "../../test/support/log-sum-exp.js";
import { folder, writeSmallLlama } from "../../test/support/small-llama.js";
import { displaySymbol } from "../display.js";
import { native } from "../native.js";
import { tinyWorld } from "../package.js";
import { ablate, patch, steer } from "./interventions.js";
import { loadQuietly } from "./load.js";
import type { Model } from "./model.js";

const text = "The rope is in the bag. The bag is in the cellar.";
let model: Model;
beforeAll(async () => {
  ({ model } = await loadQuietly(tinyWorld, { threads: 2 }));
});
afterAll(() => model.dispose());

describe("run", () => {
  it("captures what the FFN computes: mid = gate · up, gate = FATReLU(gate_pre), zeros counted", async () => {
    const run = await model.run(text, {
      capture: ["blocks.*.ffn.gate_pre", "blocks.*.ffn.gate", "blocks.*.ffn.up", "blocks.*.ffn.mid"],
    });
    const [pre, gate, up, mid] = (["gate_pre", "gate", "up", "mid"] as const).map((name) =>
      run.cache.get(`blocks.*.ffn.${name}`),
    );
    const t = model.activation.t as number;
    expect(mid!.size).toEqual({ layer: model.layers, token: run.tokens.length, neuron: model.neurons });
    for (let i = 0; i < mid!.data.length; i++) {
      const s = pre!.data[i]! >= t && pre!.data[i]! > 0 ? pre!.data[i]! : 0;
      if (gate!.data[i] !== s || mid!.data[i] !== Math.fround(s * up!.data[i]!))
        expect.fail(`neuron ${i}: ${gate!.data[i]} and ${mid!.data[i]}`);
    }
    const zeros = mid!.map((value) => (value === 0 ? 1 : 0)).mean("neuron");
    run.sparsity.data.forEach((share, i) => {
      expect(share).toBeCloseTo(zeros.data[i]!, 6);
    });
    expect(run.sparsity.mean("token").mean("layer").data[0]).toBeGreaterThan(0.8);
  });

  it("gives log-likelihoods that its logits give", async () => {
    const run = await model.run(text);
    expect(run.logprobs[0]).toBeNaN();
    for (let i = 1; i < run.tokens.length; i++) {
      const row = run.logits.at({ token: i - 1 }).data;
      expect(run.logprobs[i]).toBeCloseTo(row[run.tokens[i]!]! - logSumExp(row), 4);
    }
    const mean = [...run.logprobs.slice(1)].reduce((sum, value) => sum + value, 0) / (run.tokens.length - 1);
    expect(run.perplexity).toBeCloseTo(Math.exp(-mean), 6);
    expect(run.pieces[0]).toBe("<s>");
    expect(run.pieces.length).toBe(run.tokens.length);
  });

  it("returns the rows of logits that were asked for", async () => {
    const all = await model.run(text);
    const last = await model.run(text, { logits: "last" });
    expect([...last.logits.data]).toEqual([...all.logits.at({ token: -1 }).data]);
    expect([...last.logprobs.subarray(1)]).toEqual([...all.logprobs.subarray(1)]);
    const none = await model.run(text, { logits: "none" });
    expect(() => none.logits).toThrow(/logits: "none"/);
    expect(() => none.perplexity).toThrow(/logits: "none"/);
    expect([...none.sparsity.data]).toEqual([...all.sparsity.data]);
    await expect(model.run(text, { logits: "some" as never })).rejects.toThrow(/"all", "last" or "none"/);
  });

  it("goes through a long prompt in chunks, to the same bits as a short one", async () => {
    const tokens = [1, ...Array.from({ length: 399 }, (_, i) => 5 + ((i * 37) % 1500))];
    const long = await model.run(tokens, { capture: ["blocks.*.ffn.mid", "embed", "logits"] });
    const short = await model.run(tokens.slice(0, 20), { capture: "blocks.*.ffn.mid" });
    expect([...long.cache.get("blocks.*.ffn.mid").slice("token", 0, 20).data]).toEqual([
      ...short.cache.get("blocks.*.ffn.mid").data,
    ]);
    expect([...long.logits.slice("token", 0, 20).data]).toEqual([...short.logits.data]);
    expect([...long.cache.get("logits").data]).toEqual([...long.logits.data]);
    // The 300th row lies in the second chunk.
    const middle = await model.run(tokens.slice(0, 301), { capture: "blocks.4.resid_post", logits: "last" });
    const whole = await model.run(tokens, { capture: "blocks.2-4.resid_post", logits: "none" });
    expect([...whole.cache.get("blocks.4.resid_post").at({ token: 300 }).data]).toEqual([
      ...middle.cache.get("blocks.4.resid_post").at({ token: 300 }).data,
    ]);
    expect([...long.logits.at({ token: 300 }).data]).toEqual([...middle.logits.data]);
  });

  it("names what was not captured, and what does not exist", async () => {
    const run = await model.run(text, { capture: "blocks.0-1.ffn.mid" });
    expect(run.cache.get("blocks.1.ffn.mid").dims).toEqual(["token", "neuron"]);
    expect(() => run.cache.get("blocks.2.ffn.mid")).toThrow(/was not captured; this run kept blocks\.0-1\.ffn\.mid/);
    expect(run.cache.bytes).toBe(2 * run.tokens.length * model.neurons * 4);
    await expect(model.run(text, { capture: "blocks.3.ffn.mdi" as never })).rejects.toMatchObject({ code: "unknown-hook-point" });
    await expect(model.run(text, { captures: "embed" } as never)).rejects.toThrow(/Did you mean "capture"/);
  });

  it("warns of a missing BOS, and refuses tokens and lengths that do not fit", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    await model.run([5, 6]);
    expect(warn.mock.calls.flat().join()).toMatch(/does not begin with BOS \(token 1\)/);
    // Once: a loop does not repeat it.
    await model.run([5, 6]);
    expect(warn.mock.calls).toHaveLength(1);
    warn.mockClear();
    await model.run([1, 5]);
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
    await expect(model.run([1, model.vocab])).rejects.toThrow(/token 1 of the prompt is 1536/);
    await expect(model.run([])).rejects.toThrow(/empty/);
    await expect(model.run(new Array<number>(600).fill(1))).rejects.toMatchObject({
      code: "context-full",
      message: expect.stringMatching(/600 tokens.*512.*88/),
    });
    await expect(model.run(3 as never)).rejects.toThrow(/a prompt is a text/);
    await expect(model.run([{ role: "user" } as never])).rejects.toThrow(/message 0 must be/);
  });

  it("sends messages through the chat template, and does not double BOS", async () => {
    const chat = await model.run([{ role: "user", content: "Where is the rope?" }], { logits: "last" });
    expect(chat.pieces.slice(0, 2)).toEqual(["<s>", "<用户>"]);
    const twice = await model.run("<s>The rope", { logits: "last" });
    expect(twice.tokens.filter((token) => token === 1).length).toBe(1);
  });

  it("refuses what does not fit into memory before it starts, with byte counts", async () => {
    const limit = vi.spyOn(process, "constrainedMemory").mockReturnValue(1);
    try {
      await expect(model.run(text, { capture: "blocks.*.ffn.mid" })).rejects.toMatchObject({
        code: "out-of-memory",
        message: expect.stringMatching(/blocks\.\*\.ffn\.mid of \d+ tokens .*\d+ bytes.*KV cache.*Capture fewer layers/),
      });
      await expect(model.generate(text, { capture: "blocks.*.ffn.mid" }).text()).rejects.toMatchObject({ code: "out-of-memory" });
    } finally {
      limit.mockRestore();
    }
  });

  it("stops in the middle of a prompt", async () => {
    // 512 tokens are two forward passes: the stop comes when the second has begun.
    const tokens = Array.from({ length: 512 }, (_, i) => (i === 0 ? 1 : 5 + (i % 1500)));
    const stop = new AbortController();
    const { forward } = native();
    const passes = vi.spyOn(native(), "forward").mockImplementation((...given) => {
      const pass = forward(...given);
      if (passes.mock.calls.length === 2) stop.abort();
      return pass;
    });
    try {
      await expect(model.run(tokens, { signal: stop.signal })).rejects.toMatchObject({ code: "aborted" });
      expect(passes).toHaveBeenCalledTimes(2);
    } finally {
      passes.mockRestore();
    }
    await expect(model.run(text, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" });
  });

  it("refuses logits that are not finite, naming the token", async () => {
    const broken = model.with({ interventions: [{ at: "blocks.2.resid_post", do: "scale", by: 1e38, where: { tokens: [3] } }] });
    await expect(broken.run(text)).rejects.toMatchObject({ code: "not-finite", message: expect.stringMatching(/position 3/) });
    broken.dispose();
  });
});

describe("views", () => {
  it("share weights, queue, and differ in nothing but their setting", async () => {
    const t0 = model.with({ policy: { kind: "fatrelu", t: 0 } });
    const dense = t0.with({ strategy: "dense" });
    const [a, b, c] = await Promise.all([model.run(text), t0.run(text), dense.run(text)]);
    expect([...b.logits.data]).toEqual([...c.logits.data]);
    expect([...a.logits.data]).not.toEqual([...b.logits.data]);
    expect([...(await model.run(text)).logits.data]).toEqual([...a.logits.data]);
    const same = model.with({ policy: { kind: "fatrelu", t: model.activation.t } });
    expect([...(await same.run(text)).logits.data]).toEqual([...a.logits.data]);
    for (const view of [t0, dense, same]) view.dispose();
  });

  it("live as long as one of them does", async () => {
    const { model: first } = await loadQuietly(tinyWorld);
    const second = first.with({});
    first.dispose();
    first.dispose();
    await expect(first.run(text)).rejects.toMatchObject({ code: "disposed" });
    expect(() => first.with({})).toThrow(/disposed of/);
    const running = second.run(text);
    second.dispose();
    // What runs already is finished first.
    expect((await running).tokens.length).toBeGreaterThan(1);
    await expect(second.run(text)).rejects.toMatchObject({ code: "disposed" });
  });

  it("refuse what they do not know or cannot do yet", () => {
    expect(() => model.with({ polcy: {} } as never)).toThrow(/Did you mean "policy"/);
    expect(() => model.with({ strategy: "screened" as never })).toThrow(/not available yet/);
    expect(() => model.with({ cutoff: 0.5 })).toThrow(/belongs to strategy "predicted"/);
    expect(() => model.with({ policy: { kind: "fatrelu", t: [1, 2] } })).toThrow(/2 values for a model of 6/);
  });

  it("show themselves", () => {
    const bundle = model[displaySymbol]() as Record<string, string>;
    expect(bundle["text/plain"]).toMatch(/^Model .*6 layers, hidden 256, neurons \d+/);
    expect(bundle["text/html"]).toContain("<table>");
  });
});

describe("interventions", () => {
  it("take a neuron's share out of what the layer writes", async () => {
    const before = await model.run(text, { capture: ["blocks.3.ffn.mid", "blocks.3.ffn.out", "blocks.3.resid_post"] });
    const token = before.tokens.length - 1;
    const [{ index, value }] = before.cache.get("blocks.3.ffn.mid").at({ token }).map(Math.abs).top(1) as [
      { index: { neuron: number }; value: number },
    ];
    expect(value).toBeGreaterThan(0);
    const off = model.with({ interventions: [ablate("blocks.3.ffn.mid", { neurons: [index.neuron], tokens: [token] })] });
    const after = await off.run(text, { capture: ["blocks.3.ffn.mid", "blocks.3.ffn.out"] });
    expect(after.cache.get("blocks.3.ffn.mid").at({ token, neuron: index.neuron }).data[0]).toBe(0);
    const down = (await model.weight("blk.3.ffn_down.weight")).at({ column: index.neuron });
    const mid = before.cache.get("blocks.3.ffn.mid").at({ token, neuron: index.neuron }).data[0]!;
    const difference = before.cache.get("blocks.3.ffn.out").at({ token }).sub(after.cache.get("blocks.3.ffn.out").at({ token }));
    difference.data.forEach((d, i) => {
      expect(d).toBeCloseTo(mid * down.data[i]!, 3);
    });
    // Tokens before the one touched are as they were.
    expect([...after.cache.get("blocks.3.ffn.out").slice("token", 0, token).data]).toEqual([
      ...before.cache.get("blocks.3.ffn.out").slice("token", 0, token).data,
    ]);
    off.dispose();
  });

  it("steer, scale, and patch in another run", async () => {
    const plain = await model.run(text, { capture: ["blocks.2.resid_post", "blocks.5.resid_post", "blocks.1.ffn.up"] });
    const vector = Float32Array.from({ length: model.hidden }, (_, i) => i / 100);
    const steered = model.with({ interventions: [steer("blocks.2.resid_post", vector, 0.5)] });
    const moved = (await steered.run(text, { capture: "blocks.2.resid_post" })).cache.get("blocks.2.resid_post");
    const expected = plain.cache.get("blocks.2.resid_post");
    moved.data.forEach((value, i) => {
      expect(value).toBeCloseTo(expected.data[i]! + 0.5 * vector[i % model.hidden]!, 4);
    });
    const doubled = model.with({ interventions: [{ at: "blocks.1.ffn.up", do: "scale", by: 2 }] });
    const up = (await doubled.run(text, { capture: "blocks.1.ffn.up" })).cache.get("blocks.1.ffn.up");
    expect([...up.data]).toEqual([...plain.cache.get("blocks.1.ffn.up").mul(2).data]);
    // The last residual stream of the steered run in place of the plain one's gives the steered logits.
    const other = await steered.run(text, { capture: "blocks.5.resid_post" });
    const patched = model.with({ interventions: [patch("blocks.5.resid_post", other.cache.get("blocks.5.resid_post"))] });
    expect([...(await patched.run(text)).logits.data]).toEqual([...other.logits.data]);
    for (const view of [steered, doubled, patched]) view.dispose();
  });
});

describe("weight", () => {
  it("comes as float32 by its name in the file, and an unknown name as an error", async () => {
    const dir = await folder();
    const { model: little } = await loadQuietly(writeSmallLlama(dir.path));
    expect((await little.weight("blk.0.ffn_up.weight")).size).toEqual({ row: 48, column: 32 });
    await expect(little.weight("blk.0.ffn_upp.weight")).rejects.toThrow(/ffn_upp/);
    await expect(little.weight(`blk.${little.layers}.ffn_up.weight`)).rejects.toThrow(`its layers are 0 to ${little.layers - 1}`);
    little.dispose();
    await dir.remove();
  });
});
