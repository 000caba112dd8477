/** The benchmark's own parts, and one small round of our kernel: every number is measured, and no line of the flood is lost. */
import { describe, expect, test } from "vitest";
import { median } from "../machine.js";
import { type Engine, findEngine } from "./engines.js";
import { measureRound, type Round } from "./measure.js";
import { medians, NUMBERS, table, targets } from "./report.js";

const engine = (name: string): Engine => ({
  name,
  version: "1",
  language: "typescript",
  command: "none",
  args: () => [],
  cwd: ".",
  welcomes: false,
});
const round: Round = {
  start: 150,
  firstCell: 200,
  newCell: 10,
  cellAfter: 12,
  completion: 5,
  memory: 300,
  flood: 1000,
  floodArrived: 500,
  floodIdle: false,
  idlesLost: 2,
};
const size = { cells: 300, repeats: 20, memoryCells: 350, floodLines: 1000 };

test("a small round of our kernel", { timeout: 60_000 }, async () => {
  const ours = await findEngine("sparselab");
  if ("missing" in ours) throw new Error(ours.missing);
  const small = { cells: 6, repeats: 3, memoryCells: 12, floodLines: 3000 };
  const measured = await measureRound(ours, small);
  for (const key of NUMBERS) expect(measured[key], key).toBeGreaterThan(0);
  expect(measured.firstCell).toBeGreaterThan(measured.start);
  expect(measured).toMatchObject({ floodArrived: small.floodLines, floodIdle: true, idlesLost: 0 });
});

test("a kernel that cannot be started is an error that says so", { timeout: 60_000 }, async () => {
  await expect(measureRound({ ...engine("nothing"), command: process.execPath, args: () => ["-e", "throw 7"] })).rejects.toThrow(
    /nothing: it ended before .*came; its log: [\s\S]*7/,
  );
});

test("median", () => {
  expect([median([3]), median([5, 1, 3]), median([4, 1, 3, 2])]).toEqual([3, 3, 2.5]);
  expect(medians([])).toBeUndefined();
  expect(medians([round, { ...round, start: 250 }])?.start).toBe(200);
});

describe("the report", () => {
  const ours = { engine: engine("sparselab"), rounds: [round], failures: [] };
  test("reports lost lines, missing kernels and failed rounds", () => {
    const text = table([{ ...ours, failures: ["no reply"] }], [{ name: "deno", missing: "no network" }], size);
    expect(text).toContain("500 arrived");
    expect(text).toContain("deno is missing: no network");
    expect(text).toContain("sparselab: a round failed: no reply");
    expect(text).toContain("sparselab: no idle status after the flood");
    expect(text).toContain("sparselab: no idle status after 2 other requests");
  });
  test("compares our figures with their limits, and omits those that need a missing kernel", () => {
    const alone = targets([ours]);
    expect(alone.map(({ met }) => met)).toEqual([true, true, true, true, true]);
    const fast = { engine: engine("ipykernel"), rounds: [{ ...round, flood: 999 }], failures: [] };
    const slow = { engine: engine("deno"), rounds: [{ ...round, start: 1 }], failures: [] };
    const both = targets([ours, fast, slow]);
    expect(both.length).toBe(7);
    expect(both.filter(({ met }) => !met).map(({ limit }) => limit)).toEqual([101, 999]);
  });
});
