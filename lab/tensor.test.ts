import fc from "fast-check";
import { describe, expect, expectTypeOf, it } from "vitest";
import { displaySymbol } from "./display.js";
import { largest } from "./math.js";
import { type Tensor, tensor } from "./tensor.js";

const numbers = tensor(
  Float32Array.from({ length: 24 }, (_, i) => i),
  ["layer", "token", "neuron"],
  [2, 3, 4],
);

describe("tensor", () => {
  it("fixes axes: a view where the rest is contiguous, a copy elsewhere", () => {
    const row = numbers.at({ layer: 1, token: -1 });
    expectTypeOf(row).toEqualTypeOf<Tensor<["neuron"]>>();
    expect([...row.data]).toEqual([20, 21, 22, 23]);
    expect(row.data.buffer).toBe(numbers.data.buffer);
    const column = numbers.at({ token: 1, neuron: 2 });
    expect([...column.data]).toEqual([6, 18]);
    expect(column.data.buffer).not.toBe(numbers.data.buffer);
    expect(numbers.at({ layer: 0, token: 0, neuron: 3 }).toArray()).toBe(3);
  });

  it("refuses positions and axes that do not exist", () => {
    expect(() => numbers.at({ token: 3 })).toThrow(/positions 0 to 2/);
    expect(() => numbers.at({ token: 1.5 })).toThrow(/positions/);
    // @ts-expect-error no such axis
    expect(() => numbers.at({ tokne: 1 })).toThrow(/Did you mean "token"/);
    expect(() => tensor(new Float32Array(5), ["a"], [6])).toThrow(/needs 6 values/);
  });

  it("slices", () => {
    expect(numbers.slice("token", 1).toArray()).toEqual([
      [
        [4, 5, 6, 7],
        [8, 9, 10, 11],
      ],
      [
        [16, 17, 18, 19],
        [20, 21, 22, 23],
      ],
    ]);
    expect(numbers.slice("neuron", -1).size.neuron).toBe(1);
    expect(numbers.slice("layer", 1, 2).data.buffer).toBe(numbers.data.buffer);
    expect(() => numbers.slice("layer", 0, 3)).toThrow(/0 to 2/);
  });

  it("reduces every axis as nested loops do", () => {
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true, min: -100, max: 100 }), { minLength: 24, maxLength: 24 }), (values) => {
        // Without -0, for which "the larger of 0 and -0" has two answers.
        const x = tensor(
          Float32Array.from(values, (v) => v + 0),
          ["a", "b", "c"],
          [2, 3, 4],
        );
        const nested = x.toArray() as number[][][];
        for (let a = 0; a < 2; a++) {
          for (let c = 0; c < 4; c++) {
            const along = [0, 1, 2].map((b) => nested[a]![b]![c]!);
            const place = { a, c } as const;
            expect(x.max("b").at(place).data[0]).toBe(Math.max(...along));
            expect(x.argmax("b").at(place).data[0]).toBe(along.indexOf(Math.max(...along)));
            expect(x.sum("b").at(place).data[0]).toBe(Math.fround(along.reduce((s, v) => s + v, 0)));
            expect(x.mean("b").at(place).data[0]).toBe(Math.fround(along.reduce((s, v) => s + v, 0) / 3));
            expect(x.norm("b").at(place).data[0]).toBe(Math.fround(Math.sqrt(along.reduce((s, v) => s + v * v, 0))));
          }
        }
      }),
      { numRuns: 20 },
    );
  });

  it("refuses argmax where float32 does not hold every position", () => {
    const n = 2 ** 24 + 2;
    const long = tensor(new Float32Array(n), ["neuron"], [n]);
    long.data[n - 1] = 1;
    expect(() => long.argmax("neuron")).toThrow(
      /axis "neuron" has 16777218 positions.* up to 16777216; take slices, or top\(1\)/,
    );
    expect(long.top(1)[0]!.index.neuron).toBe(n - 1);
  });
  it("shows a NaN in max and argmax", () => {
    const x = tensor(Float32Array.of(1, Number.NaN, 3), ["token"], [3]);
    expect(x.max("token").data[0]).toBeNaN();
    expect(x.argmax("token").data[0]).toBe(1);
    expect(x.top(1)[0]!.index.token).toBe(1);
  });

  it("finds the largest values with their places", () => {
    expect(numbers.top(2)).toEqual([
      { index: { layer: 1, token: 2, neuron: 3 }, value: 23 },
      { index: { layer: 1, token: 2, neuron: 2 }, value: 22 },
    ]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 40 }), fc.nat(45), (values, k) => {
        const sorted = values.map((value, i) => ({ value, i })).sort((a, b) => b.value - a.value || a.i - b.i);
        expect(largest(Float32Array.from(values), k)).toEqual(sorted.slice(0, k).map(({ i }) => i));
      }),
    );
  });

  it("multiplies with vectors along the last axis, and with its like", () => {
    expect([...numbers.dot(Float32Array.of(1, 0, 0, 1)).data]).toEqual([3, 11, 19, 27, 35, 43]);
    expect(numbers.cosine(numbers.at({ layer: 1, token: 0 })).at({ layer: 1, token: 0 }).data[0]).toBeCloseTo(1, 6);
    expect([
      ...numbers
        .sub(numbers)
        .add(1)
        .mul(numbers.map((v) => v / 2)).data,
    ]).toEqual([...numbers.data].map((v) => v / 2));
    expect(() => numbers.dot(new Float32Array(3))).toThrow(/do not fit/);
    expect(() => numbers.add(numbers.slice("token", 1))).toThrow(/differ/);
  });

  it("shows its shape and a few values", () => {
    const bundle = numbers[displaySymbol]() as Record<string, string>;
    expect(bundle["text/plain"]).toBe(
      "Tensor layer 2 × token 3 × neuron 4 (min 0, mean 11.5, max 23, zeros 4.2 %): 0 1 2 3 4 5 6 7 …",
    );
    expect(bundle["text/html"]).toContain("<td>3</td></tr><tr><td>4</td>");
  });
});
