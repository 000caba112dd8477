import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { displaySymbol } from "../display.js";
import { pareto } from "./pareto.js";
import { samplePoints } from "./sample.js";
import { type FakeNotebook, fakeNotebook } from "./sample-notebook.js";
import { show } from "./show.js";

const points = samplePoints();
/** The figure of the first n points. */
const figure = (n: number) => pareto(points.slice(0, n), "kl");
type Sent = FakeNotebook["sent"][number];
const drawn = ({ bundle }: Sent) =>
  (bundle["application/vnd.plotly.v1+json"] as { data: { x: number[] }[] }).data[0]?.x.length ?? 0;

describe("show in a notebook", () => {
  let book: FakeNotebook;
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    book = fakeNotebook();
  });
  afterEach(() => {
    book.remove();
    vi.useRealTimers();
  });
  /** Updates of the figure, without the library's output. */
  const updates = () => book.sent.filter(({ kind }) => kind === "update");

  it("displays at once: the library, then the figure", () => {
    show(figure(0));
    show(figure(1));
    expect(book.sent.map(({ kind, id }) => `${kind} ${id.split("-")[0]}`)).toEqual([
      "display sparselab",
      "display figure",
      "display figure",
    ]);
    expect(book.sent[1]!.bundle["image/png"]).toBeUndefined();
  });

  it("redraws in place at most four times a second, and never loses the last update", () => {
    const live = show(figure(0));
    for (let n = 1; n <= 8; n++) {
      live.update(figure(n));
      vi.advanceTimersByTime(50);
    }
    const times = updates().map(drawn);
    expect(times.length).toBeLessThanOrEqual(2);
    vi.advanceTimersByTime(250);
    expect(drawn(updates().at(-1)!)).toBe(8);
    expect(new Set(updates().map(({ id }) => id))).toEqual(new Set([book.sent[1]!.id]));
  });

  it("ends the cell with the last state and its static picture", async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true }); // plotly waits for some
    const live = show(figure(0));
    live.update(figure(3));
    live.update(figure(8));
    await book.endCell();
    const last = updates().at(-1)!;
    expect(drawn(last)).toBe(8);
    expect(last.bundle["image/png"]).toMatch(/^iVBOR/);
    const count = book.sent.length;
    await vi.advanceTimersByTimeAsync(1000); // a redraw that was still due would be sent
    expect(book.sent).toHaveLength(count);
  });

  it("draws a picture again for a figure that a later cell updates", async () => {
    vi.useRealTimers();
    const live = show(figure(1));
    await book.endCell();
    book.nextCell();
    live.update(figure(2));
    await book.endCell();
    expect(drawn(updates().at(-1)!)).toBe(2);
    expect(updates().at(-1)!.bundle["image/png"]).toBeDefined();
  });

  it("shows nothing more as a cell's last value, and refuses values that are not figures", () => {
    const live = show(figure(1));
    expect(live[displaySymbol]()).toEqual({});
    expect(() => show(points as never)).toThrow(/takes a figure/);
    expect(() => live.update(null as never)).toThrow(/received null/);
  });
});

describe("show in a plain script", () => {
  it("writes a page and prints its path; the last update is written too", async () => {
    const folder = await mkdtemp(join(tmpdir(), "show-"));
    vi.stubEnv("TMPDIR", folder);
    const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    try {
      const live = show(figure(0));
      const printed = String(write.mock.calls.at(-1)![0]);
      const path = /^figure: (.*figure\.html)\n$/.exec(printed)![1]!;
      expect(path.startsWith(folder)).toBe(true);
      expect(await readFile(path, "utf8")).toContain("no points yet");
      live.update(figure(2));
      live.update(figure(8));
      await vi.waitFor(async () => expect(await readFile(path, "utf8")).toContain("t = 2.5"), { timeout: 3000 });
    } finally {
      write.mockRestore();
      vi.unstubAllEnvs();
      await rm(folder, { recursive: true });
    }
  });
});
