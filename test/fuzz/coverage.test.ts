/** The options of the coverage-guided fuzzers: what is given is used, and what does not exist is refused with the nearest. */
import { expect, test } from "vitest";
import { coverageOptions } from "./coverage.js";

test("options of the coverage-guided fuzzers", () => {
  expect(coverageOptions([])).toEqual({ targets: ["header", "dequantise", "forward"], seconds: 60 });
  expect(coverageOptions(["--seconds", "5", "--target", "header"])).toEqual({ targets: ["header"], seconds: 5 });
  expect(() => coverageOptions(["--target", "headr"])).toThrow('target "headr" does not exist; did you mean "header"?');
  expect(() => coverageOptions(["--secnds", "5"])).toThrow('option "secnds" does not exist; did you mean "seconds"?');
  expect(() => coverageOptions(["--seconds", "0"])).toThrow("expected a whole number from 1");
  expect(() => coverageOptions(["header"])).toThrow("a target is named with --target");
});
