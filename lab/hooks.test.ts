import { describe, expect, expectTypeOf, it } from "vitest";
import { type HookDims, hookPoints, parseHook } from "./hooks.js";
import { points } from "./vocabulary.js";

const eight = { layers: 8 };

describe("hook points", () => {
  it("names one layer, a range, all layers, and points of the whole model", () => {
    expect(parseHook("blocks.3.ffn.mid", eight)).toMatchObject({
      point: "ffn.mid",
      from: 3,
      to: 4,
      ranged: false,
      width: "neuron",
    });
    expect(parseHook("blocks.*.resid_post", eight)).toMatchObject({
      point: "resid_post",
      from: 0,
      to: 8,
      ranged: true,
      width: "hidden",
    });
    expect(parseHook("blocks.0-7.ffn.gate", eight)).toMatchObject({ from: 0, to: 8, ranged: true });
    expect(parseHook("logits", eight)).toMatchObject({ from: 0, to: 1, ranged: false, width: "vocab" });
    for (const name of hookPoints()) expect(parseHook(name, { layers: 2 }).name).toBe(name);
  });

  it("knows the axes in the types", () => {
    expectTypeOf<HookDims<"blocks.*.ffn.mid">>().toEqualTypeOf<["layer", "token", "neuron"]>();
    expectTypeOf<HookDims<"blocks.3.ffn.in">>().toEqualTypeOf<["token", "hidden"]>();
    expectTypeOf<HookDims<"blocks.0-7.ffn.gate">>().toEqualTypeOf<["layer", "token", "neuron"]>();
    expectTypeOf<HookDims<"logits">>().toEqualTypeOf<["token", "vocab"]>();
  });

  it("names the nearest of what it does not know", () => {
    expect(() => parseHook("blocks.3.ffn.mdi", eight)).toThrow(/Did you mean "blocks.3.ffn.mid"/);
    expect(() => parseHook("block.3.ffn.mid", eight)).toThrow(/Did you mean "blocks\.3\.ffn\.mid"/);
    expect(() => parseHook("blk.0-2.ffn.mdi", eight)).toThrow(/Did you mean "blocks\.0-2\.ffn\.mid"/);
    expect(() => parseHook("model.layers.3.resid_post", eight)).toThrow(/Did you mean "blocks\.3\.resid_post"/);
    expect(() => parseHook("ffn.mid", eight)).toThrow(/Did you mean "blocks\.\*\.ffn\.mid"/);
    expect(() => parseHook("logit", eight)).toThrow(/Did you mean "logits"/);
    expect(() => parseHook("blocks.2.attn.patern", eight)).toThrow(/Did you mean "blocks\.2\.attn\.pattern"/);
  });

  it("knows which points a model without a gate has", () => {
    const gateless = { layers: 8, points: points.filter(({ needs }) => needs !== "gate").map(({ name }) => name) };
    expect(hookPoints(gateless)).not.toContain("blocks.*.ffn.up");
    expect(hookPoints(gateless)).toContain("blocks.*.ffn.up_pre");
    expect(() => parseHook("blocks.3.ffn.up", gateless)).toThrow(/has no gate, so "ffn\.up" does not exist.*ffn\.up_pre/);
    expect(() => parseHook("blocks.3.ffn.gat", gateless)).toThrow(/Did you mean "blocks\.3\.ffn\.out"/);
    expect(parseHook("blocks.3.ffn.mid", gateless).name).toBe("blocks.3.ffn.mid");
  });

  it("refuses layers that the model does not have", () => {
    for (const where of ["8", "-1", "0-8", "5-3", "1e0", "1.5", "00", "0-07", "", "x"]) {
      expect(() => parseHook(`blocks.${where}.ffn.mid`, eight), where).toThrow(/unknown hook point|names no layers/);
    }
  });
});
