import { describe, expect, it } from "vitest";
import { floatText } from "../text.js";
import { checkPolicy, fatrelu, type Policy, perLayer, policyText } from "./policy.js";

describe("policies", () => {
  it("are data", () => {
    expect(fatrelu(0, 0.01)).toEqual([
      { kind: "fatrelu", t: 0 },
      { kind: "fatrelu", t: 0.01 },
    ]);
    expect(JSON.stringify(checkPolicy({ kind: "as-trained" }))).toBe('{"kind":"as-trained"}');
    const t = [0.1, 0.2];
    const policy = checkPolicy({ kind: "fatrelu", t });
    t[0] = 9;
    expect(policy).toEqual({ kind: "fatrelu", t: [0.1, 0.2] });
  });

  it("refuse what they do not know", () => {
    expect(() => fatrelu(-0.01)).toThrow(/>= 0/);
    expect(() => fatrelu(Number.NaN)).toThrow(/finite/);
    expect(() => fatrelu(1e39)).toThrow(/received 1e\+39, which float32 cannot hold/);
    expect(() => checkPolicy({ kind: "fatrleu", t: 0 } as never)).toThrow(/Did you mean "fatrelu"/);
    expect(() => checkPolicy({ kind: "top-k", share: 0.5 } as never)).toThrow(/not available yet/);
    expect(() => checkPolicy({ kind: "fatrelu", threshold: 0.01 } as unknown as Policy)).toThrow(/"threshold"/);
    expect(() => checkPolicy({ kind: "fatrelu" } as unknown as Policy)).toThrow(/received undefined/);
  });

  it("give one threshold for each layer", () => {
    expect([...perLayer(0.5, 3)]).toEqual([0.5, 0.5, 0.5]);
    expect(() => perLayer([1, 2], 3)).toThrow(/2 values for a model of 3 layers/);
  });

  it("print float32 in its shortest form", () => {
    expect(floatText(Math.fround(0.03))).toBe("0.03");
    expect(floatText(0)).toBe("0");
    expect(policyText({ kind: "fatrelu", t: [0.01, 0.2] })).toBe("t = 0.01 to 0.2 by layer");
  });
});
