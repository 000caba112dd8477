import { describe, expect, it } from "vitest";
import { checkLoadOptions, contextOf, type LoadOptions, strategyOf, threadsOf } from "./options.js";

const check = (options: object) => () => checkLoadOptions(options as LoadOptions);

describe("options of load", () => {
  it("are taken where they work", () => {
    expect(check({ device: "cpu", layout: "mmap", arithmetic: "float", kv: "f32", strategy: "exact", threads: 1 })).not.toThrow();
    expect(check({ arithmetic: "int8" })).not.toThrow();
    expect(threadsOf(undefined)).toBeGreaterThan(0);
    expect([
      strategyOf("auto", "relu"),
      strategyOf("auto", "fatrelu"),
      strategyOf("auto", "silu"),
      strategyOf("dense", "relu"),
    ]).toEqual(["exact", "exact", "dense", "dense"]);
  });
  it("that come later say so and what to use instead", () => {
    for (const [options, instead] of [
      [{ device: "hybrid" }, /"hybrid" is not available yet; use "cuda"/],
      [{ layout: "packed" }, /use "mmap"/],
      [{ strategy: "screened" }, /use "exact"/],
      [{ vram: "4GiB" }, /not available yet/],
    ] as const) {
      expect(check(options), JSON.stringify(options)).toThrow(instead);
    }
  });
  it("that do not exist name the nearest", () => {
    expect(check({ stratgy: "exact" })).toThrow(/Did you mean "strategy"/);
    expect(check({ strategy: "exakt" })).toThrow(/Did you mean "exact"/);
    expect(check({ device: "cpi" })).toThrow(/unknown device "cpi"\. Did you mean "cpu"/);
    expect(check({ strategy: "predictd" })).toThrow(/Did you mean "predicted"\? Known: auto, dense, exact, predicted$/);
    expect(check({ strategy: "screend" })).toThrow(/Did you mean "screened" \(not available yet\)/);
    expect(check({ cutoff: 0 })).toThrow(/belongs to strategy "predicted"; give \{ strategy: "predicted", cutoff \} too/);
    expect(check({ nothing: 1 })).toThrow(/Known: activation, /);
    expect(check({ activation: 3 })).toThrow(/must be a name/);
    expect(() => threadsOf(0)).toThrow(/>= 1/);
    expect(() => contextOf(1024, 512)).toThrow(/has 512 positions/);
    expect(contextOf(undefined, 512)).toBe(512);
  });
});
