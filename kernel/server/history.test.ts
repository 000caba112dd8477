import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { History } from "./history.js";
import { HistoryFile } from "./history-file.js";

const folder = mkdtempSync(join(tmpdir(), "sparselab-history-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("tail, range and search", () => {
  const history = new History();
  ["a = 1", "b = 2", "a = 1", "c?"].forEach((input, i) => {
    history.add(i + 1, input);
  });
  const inputs = (request: object): string[] => history.find(request).map(([, , input]) => input);
  expect(inputs({ hist_access_type: "tail", n: 2 })).toEqual(["a = 1", "c?"]);
  expect(history.find({ hist_access_type: "range", session: 0, start: 2, stop: 3 })).toEqual([[1, 2, "b = 2"]]);
  expect(inputs({ hist_access_type: "search", pattern: "a*" })).toEqual(["a = 1", "a = 1"]);
  expect(inputs({ hist_access_type: "search", pattern: "? = [0-9]" })).toEqual([]);
  expect(inputs({ hist_access_type: "search", pattern: "*=*", unique: true })).toEqual(["b = 2", "a = 1"]);
  expect(inputs({ hist_access_type: "search", pattern: "*", n: 1 })).toEqual(["c?"]);
});

test("two kernels write at once, and a third later: sessions are numbered, and no line is torn", () => {
  const path = join(folder, "two", "history.jsonl");
  const kernels = [new History(new HistoryFile(path)), new History(new HistoryFile(path))];
  for (let i = 1; i <= 20; i++) for (const [k, kernel] of kernels.entries()) kernel.add(i, `kernel ${k}\ncell ${i}`);
  const third = new History(new HistoryFile(path));
  third.add(1, "own");
  expect(third.find({ hist_access_type: "range", session: 2, start: 20 })).toEqual([[2, 20, "kernel 1\ncell 20"]]);
  expect(third.find({ hist_access_type: "range", session: -2, start: 1, stop: 2 })).toEqual([[1, 1, "kernel 0\ncell 1"]]);
  expect(third.find({ hist_access_type: "range", session: 0 })).toEqual([[3, 1, "own"]]);
  expect(third.find({ hist_access_type: "tail", n: 2 }).map(([s, n]) => [s, n])).toEqual([
    [2, 20],
    [3, 1],
  ]);
  // Cells that others run from here on do not change the numbers.
  new History(new HistoryFile(path)).add(1, "a fourth");
  expect(third.find({ hist_access_type: "range", session: 0 })).toEqual([[3, 1, "own"]]);
  expect(statSync(path).mode & 0o077).toBe(0);
});

test("the file is bounded; damaged lines and very long cells are skipped", () => {
  const path = join(folder, "history.jsonl");
  writeFileSync(path, 'not json\n{"kernel":1}\n');
  const file = new HistoryFile(path, 2000);
  for (let i = 0; i < 200; i++) file.append({ kernel: "k", line: i, input: `cell ${i}` });
  file.append({ kernel: "k", line: 999, input: "x".repeat(100_000) });
  const lines = file.read();
  expect(lines.at(-1)).toEqual({ kernel: "k", line: 199, input: "cell 199" });
  expect(lines.length).toBeGreaterThan(30);
  expect(lines.map((l) => l.line)).toEqual(lines.map((_, i) => 200 - lines.length + i));
  expect(readFileSync(path).length + readFileSync(`${path}.old`).length).toBeLessThan(4200);
});

test("a folder that cannot be written: reported once, and the session's own cells are remembered", () => {
  const place = join(folder, "a file");
  writeFileSync(place, "");
  chmodSync(place, 0o444);
  const log: string[] = [];
  const history = new History(new HistoryFile(join(place, "history.jsonl")), (text) => log.push(text));
  history.add(1, "one");
  history.add(2, "two");
  expect(log).toEqual([expect.stringContaining("the history is not saved")]);
  expect(history.find({ hist_access_type: "tail", n: 9 }).length).toBe(2);
});
