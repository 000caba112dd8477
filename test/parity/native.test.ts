/** The table of kernels is read from what the unit tests print: a failed or a missing pair must show. */
import { expect, test } from "vitest";
import { readCell, tableOf } from "./native.js";

test("lines of the unit tests become a table", () => {
  const lines = [
    "passed parity: F32 on avx2 is the plain twin, bit for bit",
    "FAILED parity: Q8_0 on avx2 is the plain twin, bit for bit: native/cpu/isa_parity.test.cpp:71: values",
    '  replay it with SEED=7 and "parity: Q8_0 on avx2 is the plain twin, bit for bit" as the argument',
    "passed parity: F32 on plain is the plain twin, bit for bit",
    "2 passed, 1 failed",
  ];
  const cells = lines.map(readCell).filter((cell) => cell !== undefined);
  expect(cells).toEqual([
    { type: "F32", isa: "avx2", agrees: true },
    { type: "Q8_0", isa: "avx2", agrees: false },
    { type: "F32", isa: "plain", agrees: true },
  ]);
  expect(tableOf(cells)).toBe(
    ["          avx2      plain", "F32       same bits same bits", "Q8_0      DIFFERS   not run"].join("\n"),
  );
});
