/** SEED replays the random numbers of a test, those of fast-check and those of the test's own generator. */
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seedOf } from "../support/seed.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "test", "output", "seed");
const failing = `
import fc from "fast-check";
import { test } from "vitest";
import { random } from "../../support/seed.js";
test("fails", () => {
  console.log("drawn", random(), random());
  fc.assert(fc.property(fc.integer(), fc.string(), (n, text) => {
    console.log("drawn", n, JSON.stringify(text));
    return false;
  }), { numRuns: 1, endOnFailure: true });
});
`;
beforeAll(() => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "failing.test.ts"), failing);
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(SEED?: string): { drawn: string[]; seed: string | undefined } {
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const { stdout, stderr, status } = spawnSync(process.execPath, [vitest, "run", "test/output/seed/"], {
    cwd: root,
    env: { ...process.env, SEED, NO_COLOR: "1", FORCE_COLOR: "0" },
    encoding: "utf8",
  });
  expect(status).toBe(1);
  const drawn = stdout.match(/^drawn .*$/gm) ?? [];
  expect(drawn.length).toBe(2);
  return { drawn, seed: stderr.match(/^replay test\/output\/seed\/failing\.test\.ts with SEED=(\d+)$/m)?.[1] };
}

test("a failed test prints its seed, and SEED gives the same numbers again", () => {
  const [first, other] = [run(), run()];
  expect(first.seed).toMatch(/^\d+$/);
  expect(other.drawn).not.toEqual(first.drawn);
  expect(run(first.seed)).toEqual(first);
}, 120_000);

test("SEED is a whole number of any size", () => {
  expect(seedOf("7")).toBe(7);
  expect(seedOf("18446744073709551615")).toBe(2 ** 31 - 1);
  expect(seedOf("")).toBeLessThan(2 ** 31);
  for (const wrong of ["-1", "1.5", "x"]) expect(() => seedOf(wrong)).toThrow("expected a whole number");
});
