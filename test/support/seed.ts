/**
 * The random numbers of a test file, by hand or from fast-check, come from one seed: a new one for each run, or the environment variable SEED. A
 * failed test prints it. vitest loads this before each test file (vitest.config.ts).
 */
import fc from "fast-check";
import { afterEach } from "vitest";
import { generator } from "./random.js";

/** A whole number from SEED, or a new one. fast-check takes 31 bits. */
export function seedOf(given: string | undefined): number {
  if (given === undefined || given === "") return Math.floor(Math.random() * 2 ** 31);
  if (!/^\d+$/.test(given)) throw new Error(`SEED is "${given}"; expected a whole number`);
  return Number(BigInt.asUintN(31, BigInt(given)));
}

export const seed = seedOf(process.env.SEED);
export const random = generator(seed);
fc.configureGlobal({ seed });

afterEach(({ task }) => {
  if (task.result?.state === "fail") process.stderr.write(`replay ${task.file.name} with SEED=${seed}\n`);
});
