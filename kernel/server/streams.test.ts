import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Streams } from "./streams.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("pieces of the same cell and stream are joined; those of others are not, and the order is kept", () => {
  const sent: string[] = [];
  const streams = new Streams<string>((name, text, parent) => sent.push(`${parent} ${name} ${text}`));
  streams.write("stdout", "a", "1");
  streams.write("stdout", "b", "1");
  streams.write("stderr", "c", "1");
  streams.write("stderr", "d", "2");
  expect(sent).toEqual(["1 stdout ab", "1 stderr c"]);
  vi.advanceTimersByTime(19);
  expect(sent.length).toBe(2);
  vi.advanceTimersByTime(1);
  expect(sent[2]).toBe("2 stderr d");
  streams.flush();
  expect(sent.length).toBe(3);
});

test("a large amount is sent without waiting for the timer", () => {
  let length = 0;
  const streams = new Streams<undefined>((_name, text) => {
    length += text.length;
  });
  for (let i = 0; i < 3000; i++) streams.write("stdout", "x".repeat(1000), undefined);
  expect(length).toBeGreaterThan(2_500_000);
});
