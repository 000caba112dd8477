import { describe, expect, it } from "vitest";
import type { MimeBundle, Notebook } from "./display.js";
import { durationText, inNotebook, inTerminal, Progress } from "./progress.js";

/** A progress line of a terminal, whose clock the test sets. */
function terminal(label: string) {
  const written: string[] = [];
  const clock = { now: 0 };
  const start = () =>
    new Progress(
      label,
      inTerminal(label, (text) => written.push(text)),
      () => clock.now,
    );
  return { written, clock, start };
}

describe("progress", () => {
  it("is one line with the time left, rewritten four times a second at most", () => {
    const { written, clock, start } = terminal("sweep");
    const progress = start();
    for (const [at, share] of [
      [0, 0],
      [100, 0.1],
      [1000, 0.25],
      [2000, 0.5],
    ] as const) {
      clock.now = at;
      progress.tick(share);
    }
    clock.now = 4000;
    progress.end();
    expect(written).toEqual([
      "\rsweep: 0 %",
      "\rsweep: 25 %, 3.0 s left",
      "\rsweep: 50 %, 2.0 s left",
      "\rsweep: done after 4.0 s\n",
    ]);
  });
  it("leaves nothing of a longer line before it", () => {
    const { written, clock, start } = terminal("a");
    const progress = start();
    clock.now = 1000;
    progress.tick(0.001);
    progress.end("stopped");
    expect(written[1]!.length).toBeGreaterThanOrEqual(written[0]!.length);
  });
  it("does not repeat itself in a loop of a terminal, but says what was stopped", () => {
    const { written, clock, start } = terminal("measure x");
    const run = (how: "done" | "stopped") => {
      written.length = 0;
      const progress = start();
      clock.now += 1000;
      progress.tick(0.5);
      progress.end(how);
      return written.join("");
    };
    expect(run("done")).toMatch(/measure x: done after 1\.0 s\n$/);
    // Taken away again: a line of spaces, and back to its beginning.
    expect(run("done")).toMatch(/^\rmeasure x: 50 %, 1\.0 s left\r +\r$/);
    expect(run("stopped")).toMatch(/measure x: stopped after 1\.0 s *\n$/);
  });
  it("is an output of its own in a notebook: prints do not share it, and the calls of a cell share one", async () => {
    const outputs: [string, string, unknown][] = [];
    const works: (() => Promise<void>)[] = [];
    const book: Notebook = {
      display: (bundle: MimeBundle, id) => outputs.push(["display", id, bundle["text/plain"]]),
      update: (bundle: MimeBundle, id) => outputs.push(["update", id, bundle["text/plain"]]),
      signal: () => new AbortController().signal,
      cell: () => "cell 1",
      atEnd: (work) => works.push(work),
    };
    const run = (label: string) => {
      outputs.length = 0;
      const progress = new Progress(label, inNotebook(label, book), () => 0);
      progress.tick(0.5);
      progress.end();
      return outputs.map(([how, id]) => [how, id]);
    };
    const [[, id]] = run("measure x") as [[string, string]];
    expect(outputs.at(-1)).toEqual(["update", id, "measure x: done after 0.0 s"]);
    expect(run("measure x")).toEqual([
      ["update", id],
      ["update", id],
    ]);
    const [[how, other]] = run("measure y") as [[string, string]];
    expect(how).toBe("display");
    expect(other).not.toBe(id);
    // The next run of the cell, or of a handler, starts over.
    for (const work of works.splice(0)) await work();
    expect(run("measure x")[0]![0]).toBe("display");
  });
  it("says durations for people", () => {
    expect([1234, 59_000, 65_000, 3_720_000].map(durationText)).toEqual(["1.2 s", "59 s", "1 min 5 s", "1 h 2 min"]);
  });
});
