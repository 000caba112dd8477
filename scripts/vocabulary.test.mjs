/** The generated files match the vocabulary's table. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { inClone } from "./lib/paths.mjs";
import { vocabularyFiles } from "./vocabulary.mjs";

for (const [path, text] of Object.entries(vocabularyFiles()))
  test(`${path} is current`, () => {
    assert.equal(readFileSync(inClone(path), "utf8"), text, 'run "node scripts/vocabulary.mjs"');
  });
