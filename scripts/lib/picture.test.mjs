import assert from "node:assert/strict";
import { test } from "node:test";
import { isCurrentPicture } from "./picture.mjs";

test("README.md shows what the first notebook was saved with", () => {
  assert.ok(isCurrentPicture(), "docs/pareto.png is of another run: node scripts/picture.mjs");
});
