import { describe, expect, it } from "vitest";
import { type NativeModelInfo, native } from "../native.js";
import { tensor } from "../tensor.js";
import { ablate, type Intervention, patch, steer, takeInterventions } from "./interventions.js";

const info = { layers: 4, hidden: 3, neurons: 5, vocab: 7, context: 16 } as NativeModelInfo;
/** An intervention in the executor's form, its values as an array. */
const one = (intervention: Intervention) => {
  const [found] = takeInterventions([intervention], info).native;
  return found && { ...found, ...(found.values && { values: native().copyValues(found.values) }) };
};
const bad = (intervention: object) => () => one(intervention as Intervention);

describe("interventions", () => {
  it("become what the executor knows", () => {
    expect(one(ablate("blocks.3.ffn.mid", { neurons: [1, 4], tokens: [0] }))).toEqual({
      point: "ffn.mid",
      from: 3,
      to: 4,
      kind: "zero",
      positions: Int32Array.of(0),
      channels: Int32Array.of(1, 4),
    });
    expect(one(steer("blocks.*.resid_post", Float32Array.of(1, 2, 3), 2))).toEqual({
      point: "resid_post",
      from: 0,
      to: 4,
      kind: "add",
      factor: 2,
      values: Float32Array.of(1, 2, 3),
    });
    expect(one({ at: "logits", do: "scale", by: 0.5 })).toEqual({ point: "logits", from: 0, to: 1, kind: "scale", factor: 0.5 });
    const rows = tensor(new Float32Array(2 * 6 * 5).fill(1), ["layer", "token", "neuron"], [2, 6, 5]);
    expect(one(patch("blocks.1-2.ffn.mid", rows))).toMatchObject({ kind: "replace", from: 1, to: 3, values: rows.data });
  });

  it("that name no place change nothing", () => {
    expect(
      takeInterventions([ablate("blocks.0.ffn.mid", { neurons: [] }), ablate("blocks.0.ffn.mid", { tokens: [] })], info).native,
    ).toEqual([]);
  });

  it("are checked with the model's own numbers", () => {
    expect(bad(ablate("blocks.4.ffn.mid"))).toThrow(/0 to 3/);
    expect(bad(ablate("blocks.0.ffn.mid", { neurons: [5] }))).toThrow(/whole numbers from 0 to 4, received 5/);
    expect(bad(ablate("blocks.0.resid_post", { neurons: [0] }))).toThrow(/has no neurons/);
    expect(bad(ablate("blocks.0.ffn.mid", { tokens: [-1] }))).toThrow(/whole numbers from 0 to 15, received -1/);
    expect(bad({ at: "blocks.0.ffn.mid", do: "zero", where: { heads: [0] } })).toThrow(/has no heads/);
    expect(bad(steer("blocks.0.ffn.mid", new Float32Array(3)))).toThrow(/Float32Array of 5 values, received 3/);
    expect(bad(steer("blocks.0.ffn.mid", new Float32Array(5), Number.NaN))).toThrow(/finite/);
    const odd = Float32Array.of(0, Number.NaN, ...new Float32Array(3));
    expect(bad(steer("blocks.0.ffn.mid", odd))).toThrow(/must be finite, received NaN at index 1/);
    expect(bad({ at: "blocks.0.ffn.mid", do: "scale" })).toThrow(/finite number, received undefined/);
    expect(bad({ at: "blocks.0.ffn.mid", do: "zreo" })).toThrow(/Did you mean "zero"/);
    expect(bad({ at: "blocks.0.ffn.mid", do: "call", fn: 3 })).toThrow(
      /fn of a call at blocks\.0\.ffn\.mid must be a function.*received 3/,
    );
    const row = tensor(new Float32Array(10), ["token", "neuron"], [2, 5]);
    expect(bad(patch("blocks.0.resid_post", row))).toThrow(/token × hidden 3, received token 2 × neuron 5/);
    expect(bad(patch("blocks.0-1.ffn.mid", row))).toThrow(/layer 2 × token × neuron 5/);
    expect(bad(patch("blocks.0.ffn.mid", row, { tokens: [2] }))).toThrow(/positions 0 to 1, received 2/);
  });
});
