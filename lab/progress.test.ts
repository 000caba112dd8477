import { describe, expect, it } from "vitest";
import { durationText, Progress } from "./progress.js";

describe("progress", () => {
  it("is one line with the time left, rewritten four times a second at most", () => {
    let now = 0;
    const written: string[] = [];
    const progress = new Progress(
      "sweep",
      (text) => written.push(text),
      () => now,
    );
    for (const [at, share] of [
      [0, 0],
      [100, 0.1],
      [1000, 0.25],
      [2000, 0.5],
    ] as const) {
      now = at;
      progress.tick(share);
    }
    now = 4000;
    progress.end();
    expect(written).toEqual([
      "\rsweep: 0 %",
      "\rsweep: 25 %, 3.0 s left",
      "\rsweep: 50 %, 2.0 s left",
      "\rsweep: done after 4.0 s\n",
    ]);
  });
  it("leaves nothing of a longer line before it", () => {
    const written: string[] = [];
    const progress = new Progress(
      "a",
      (text) => written.push(text),
      () => written.length * 1000,
    );
    progress.tick(0.001);
    progress.end("stopped");
    expect(written[1]!.length).toBeGreaterThanOrEqual(written[0]!.length);
  });
  it("says durations for people", () => {
    expect([1234, 59_000, 65_000, 3_720_000].map(durationText)).toEqual(["1.2 s", "59 s", "1 min 5 s", "1 h 2 min"]);
  });
});
