import fc from "fast-check";
import { expect, test } from "vitest";
import { incompleteTail, Utf8 } from "./utf8.js";

test("any text in any pieces is the text, and any bytes in any pieces are what they are in one", () => {
  const pieces = (bytes: Uint8Array, cuts: readonly number[]): string => {
    const stream = new Utf8();
    const at = [0, ...cuts.map((c) => c % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
    return (
      at
        .slice(1)
        .map((end, i) => stream.write(bytes.subarray(at[i], end)))
        .join("") + stream.end()
    );
  };
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.array(fc.nat(200)), (text, cuts) => {
      const well = (text as unknown as { toWellFormed(): string }).toWellFormed();
      expect(pieces(new TextEncoder().encode(well), cuts)).toBe(well);
    }),
  );
  // Damaged bytes: what is complete in itself is kept.
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(pieces(bytes, [])).toBe(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
    }),
  );
});

test("nothing is held back that cannot become a character", () => {
  const held = (...bytes: number[]) => incompleteTail(Uint8Array.from(bytes));
  expect([held(), held(0x41), held(0xc3), held(0xe2, 0x82), held(0xf0, 0x9f, 0x98), held(0xf0, 0x9f, 0x98, 0x80)]).toEqual([
    0, 0, 1, 2, 3, 0,
  ]);
  expect([held(0x80), held(0x80, 0x80, 0x80), held(0xff), held(0xf8, 0x80)]).toEqual([0, 0, 0, 0]);
});
