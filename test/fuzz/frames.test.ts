/** The attacks on a kernel are repeatable and refused as they must be; and a small run of all of them. */
import { describe, expect, it } from "vitest";
import { Wire } from "../../kernel/server/wire.js";
import { belowGenerator } from "../support/random.js";
import { type Attack, attacks, type Scene } from "./attacks.js";
import { attackKernel } from "./frames.js";

const KEY = "8f4bb1de-secret";
const taken = new Wire(KEY).encode({ type: "execute_request", content: { code: "1" } });
const scene: Scene = { key: KEY, trace: "obeyed()", taken, id: "a-1" };
const made = (kind: string, seed: number): Attack => attacks[kind]!(scene, belowGenerator(seed));

describe.each(Object.keys(attacks))("%s", (kind) => {
  it("is repeatable with the same seed", () => {
    const all = (seed: number): Buffer => Buffer.concat([...made(kind, seed).frames]);
    for (let seed = 0; seed < 10; seed++) expect(all(seed).equals(all(seed)), `seed ${seed}`).toBe(true);
  });
  it("is refused if it must be; unusual but valid messages are accepted or refused", () => {
    for (let seed = 0; seed < 40; seed++) {
      const { frames, refused } = made(kind, seed);
      const wire = new Wire(KEY);
      wire.decode(taken);
      const decoded = wire.decode(frames);
      if (refused) expect(decoded, `seed ${seed}`).toBeTypeOf("string");
      else if (typeof decoded === "string") expect(decoded).toMatch(/^(a header of|not JSON)/);
    }
  });
});

it("a kernel survives 600 attacks, obeys none, logs each, and retains no memory", { timeout: 180_000 }, async () => {
  const { misses, refused } = await attackKernel(600, 11);
  expect(misses).toEqual([]);
  expect(refused).toBeGreaterThan(300);
});
