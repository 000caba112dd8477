import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { parseOptions } from "./options.mjs";

const known = { "--no-browser": "flag", "--port": "N" };

test("flags and values, in both spellings", () => {
  assert.deepEqual(parseOptions(["--no-browser", "--port", "9000"], known), { "no-browser": true, port: "9000" });
  assert.deepEqual(parseOptions(["--port=9000"], known), { port: "9000" });
  assert.deepEqual(parseOptions([], known), {});
});

test("an unknown option names the nearest", () => {
  assert.throws(() => parseOptions(["--no-browsr"], known), /unknown option --no-browsr\. Did you mean --no-browser\?/);
  assert.throws(() => parseOptions(["9000"], known), /unknown option 9000\. Known: --no-browser, --port/);
});

test("a value that is missing or too much", () => {
  assert.throws(() => parseOptions(["--port"], known), /--port needs a value/);
  assert.throws(() => parseOptions(["--no-browser=yes"], known), /takes no value/);
});

test("--help prints the usage and does nothing else", async () => {
  for (const [script, usage] of [
    ["start.mjs", /^usage: npm start/],
    ["test.mjs", /^usage: npm test/],
    ["setup.mjs", /^usage: npm run build/],
    ["dev.mjs", /^usage: npm run dev/],
  ]) {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, "..", script), "--help"]);
    assert.match(stdout, usage);
    assert.equal(stderr, "");
  }
});
