import { describe, expect, it } from "vitest";
import { received } from "./received.js";

describe("received", () => {
  it("names any value in a few words", () => {
    expect([null, undefined, 1, -0, Number.NaN, 2n, "a", true].map(received)).toEqual([
      "null",
      "undefined",
      "1",
      "-0",
      "NaN",
      "2n",
      '"a"',
      "true",
    ]);
    expect(received([1, 2])).toBe("an array of 2");
    expect(received(new Float32Array(3))).toBe("Float32Array of 12 bytes");
    expect(received({ a: 1, b: 2, c: 3, d: 4, e: 5 })).toBe("{ a, b, c, d, … }");
    expect(received({})).toBe("an object without keys");
    expect(received("x".repeat(100))).toHaveLength(62);
  });

  it("never throws", () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    for (const value of [Symbol("s"), Object.create(null), proxy, () => 0, new Map(), new Date(Number.NaN)])
      expect(typeof received(value)).toBe("string");
  });
});
