import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { join, split } from "./buffers.js";

describe("binary values in a state", () => {
  it("leave null in an array and nothing in an object", () => {
    const bytes = Uint8Array.of(1, 2);
    const { state, paths, buffers } = split({ a: bytes, b: { c: [0, Float32Array.of(1)], d: new Date(0) }, e: null });
    expect(state).toEqual({ b: { c: [0, null], d: new Date(0) }, e: null });
    expect(paths).toEqual([["a"], ["b", "c", 1]]);
    expect(buffers).toEqual([bytes, new Uint8Array(Float32Array.of(1).buffer)]);
  });

  it("take only the part of a buffer that their view shows", () => {
    const view = new Uint8Array([1, 2, 3, 4, 5]).subarray(1, 3);
    expect(split({ view, data: new DataView(view.buffer, 3, 1) }).buffers.map((b) => [...b])).toEqual([[2, 3], [4]]);
  });

  it("come back as they were, in any state", () => {
    const leaf = fc.oneof(fc.integer(), fc.string(), fc.constant(null), fc.uint8Array({ maxLength: 5 }));
    // In an object literal "__proto__" sets the prototype.
    const key = fc.string().filter((k) => k !== "__proto__");
    const tree = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 3 },
        leaf,
        fc.array(tie("node"), { maxLength: 4 }),
        fc.dictionary(key, tie("node"), { maxKeys: 4 }),
      ),
    })).node;
    fc.assert(
      fc.property(fc.dictionary(key, tree, { maxKeys: 5 }), (before) => {
        const { state, paths, buffers } = split(before);
        const over = JSON.parse(JSON.stringify(state)) as Record<string, unknown>;
        join(over, paths, buffers);
        expect(over).toEqual(structuredClone({ ...before }));
      }),
    );
  });

  it("with a path that does not exist are an error, and reach no prototype", () => {
    const one = [Uint8Array.of(1)];
    expect(() => join({}, [["a", "b"]], one)).toThrow('the path ["a","b"], which does not exist');
    expect(() => join({}, [["__proto__", "x"]], one)).toThrow("which does not exist");
    expect(() => join({}, [["__proto__"]], one)).toThrow("which does not exist");
    expect(() => join({}, [[]], one)).toThrow("which does not exist");
    expect(() => join({}, [["a"], ["b"]], one)).toThrow("expected 2 binary values, received 1");
  });
});
