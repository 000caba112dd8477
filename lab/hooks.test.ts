import { describe, expect, expectTypeOf, it } from "vitest";
import { type HookDims, hookPoints, parseHook } from "./hooks.js";

describe("hook points", () => {
  it("names one block, a range, all blocks, and points of the whole model", () => {
    expect(parseHook("blocks.3.ffn.mid", 8)).toMatchObject({ point: "ffn.mid", from: 3, to: 4, ranged: false, width: "neuron" });
    expect(parseHook("blocks.*.resid_post", 8)).toMatchObject({
      point: "resid_post",
      from: 0,
      to: 8,
      ranged: true,
      width: "hidden",
    });
    expect(parseHook("blocks.0-7.ffn.gate", 8)).toMatchObject({ from: 0, to: 8, ranged: true });
    expect(parseHook("logits", 8)).toMatchObject({ from: 0, to: 1, ranged: false, width: "vocab" });
    for (const name of hookPoints()) expect(parseHook(name, 2).name).toBe(name);
  });

  it("knows the axes in the types", () => {
    expectTypeOf<HookDims<"blocks.*.ffn.mid">>().toEqualTypeOf<["layer", "token", "neuron"]>();
    expectTypeOf<HookDims<"blocks.3.ffn.in">>().toEqualTypeOf<["token", "hidden"]>();
    expectTypeOf<HookDims<"blocks.0-7.ffn.gate">>().toEqualTypeOf<["layer", "token", "neuron"]>();
    expectTypeOf<HookDims<"logits">>().toEqualTypeOf<["token", "vocab"]>();
  });

  it("names the nearest of what it does not know", () => {
    expect(() => parseHook("blocks.3.ffn.mdi", 8)).toThrow(/Did you mean "blocks.3.ffn.mid"/);
    expect(() => parseHook("block.3.ffn.mid", 8)).toThrow(/Did you mean "blocks/);
    expect(() => parseHook("logit", 8)).toThrow(/Did you mean "logits"/);
    expect(() => parseHook("blocks.2.attn.pattern", 8)).toThrow(/attention come later.*ffn\.mid/);
  });

  it("refuses blocks that the model does not have", () => {
    for (const where of ["8", "-1", "0-8", "5-3", "1e0", "1.5", "", "x"]) {
      expect(() => parseHook(`blocks.${where}.ffn.mid`, 8), where).toThrow(/unknown hook point|names no blocks/);
    }
  });
});
