import { describe, expect, it } from "vitest";
import { checkMemory, freeBytes } from "./memory.js";

describe("memory", () => {
  it("adds up what is needed and names every part with its bytes", () => {
    const needs = [
      { what: "captures", bytes: 600 },
      { what: "logits", bytes: 500 },
    ];
    expect(() => checkMemory(needs, "Capture less", 1100)).not.toThrow();
    expect(() => checkMemory(needs, "Capture less", 1099)).toThrow(
      /needs 1\.1 KiB \(1100 bytes\).*captures 600 bytes.*logits 500 bytes.*Capture less/,
    );
  });
  it("refuses one array beyond what JavaScript holds", () => {
    expect(() => checkMemory([{ what: "logits", bytes: 2 ** 33 }], "Ask for less", 2 ** 40, 2 ** 32)).toThrow(
      /logits takes 8\.0 GiB.*at most 4\.0 GiB/,
    );
  });
  it("knows of free memory", () => {
    expect(freeBytes()).toBeGreaterThan(2 ** 20);
  });
});
