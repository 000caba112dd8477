import fc from "fast-check";
import { expect, test } from "vitest";
import { codePointOffset, utf16Offset } from "./offsets.js";

test("code points and UTF-16 units", () => {
  expect(utf16Offset("🙂a", 1)).toBe(2);
  expect(codePointOffset("🙂a", 2)).toBe(1);
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.nat(), (text, n) => {
      const points = [...text];
      const count = n % (points.length + 1);
      const offset = points.slice(0, count).join("").length;
      expect(utf16Offset(text, count)).toBe(offset);
      expect(codePointOffset(text, offset)).toBe(count);
    }),
  );
});
