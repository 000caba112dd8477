/** The fuzzer's own parts: its corruptions are repeatable and change the file, and it recognises a miss. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { goldenFile, goldenModels } from "../support/golden.js";
import { belowGenerator } from "../support/random.js";
import { corruptions } from "./corrupt.js";
import { missOf } from "./ending.js";
import { layout } from "./layout.js";

const file = new Uint8Array(readFileSync(goldenFile(goldenModels()[0]!)));

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

describe("corruptions", () => {
  it.each(Object.entries(corruptions))("%s: the same seed makes the same corruption, another seed another", (_, corrupt) => {
    const before = digest(file);
    const spoilt = (seed: number) => corrupt(file, belowGenerator(seed));
    const all = Array.from({ length: 12 }, (_, seed) => spoilt(seed));
    expect(all.map(([bytes]) => digest(bytes))).toEqual(all.map((_, seed) => digest(spoilt(seed)[0])));
    expect(all.some(([bytes]) => digest(bytes) !== before)).toBe(true);
    expect(new Set(all.map(([, what]) => what)).size).toBeGreaterThan(1);
    expect(digest(file)).toBe(before);
  });
});

describe("layout", () => {
  it("covers the header without a gap", () => {
    const { fields, end } = layout(file);
    let at = 0;
    for (const field of fields) {
      expect(field.at).toBe(at);
      at += field.bytes;
    }
    expect(at).toBe(end);
    expect(fields.filter((field) => field.what === "offset").length).toBe(21);
  });
});

describe("missOf", () => {
  const fine = { path: "a", how: "bad-file", message: 'tensor "a" is missing; expected one of shape 4', maxBytes: 1e8 };
  it("accepts a readable LabError and a run", () => {
    expect(missOf(fine)).toBe("");
    expect(missOf({ ...fine, how: "ran", message: "" })).toBe("");
  });
  it.each([
    { how: "crash" },
    { how: "hang" },
    { how: "stack" },
    { message: "" },
    { message: "std::length_error: vector" },
    { message: `${fine.message}\nat line 2` },
    { message: "x".repeat(5000) },
    { maxBytes: 2e9 },
  ])("sees %o", (wrong) => {
    expect(missOf({ ...fine, ...wrong })).not.toBe("");
  });
});
