import { expect, it } from "vitest";
import { inTurns, Turns } from "./turns.js";

/** Steps that each keep the thread for a millisecond. */
function* work(count: number): Generator<void, number, void> {
  for (let i = 0; i < count; i++) {
    const end = performance.now() + 1;
    while (performance.now() < end);
    yield;
  }
  return count;
}

it("gives others the thread, and then the result", async () => {
  let others = 0;
  const timer = setInterval(() => others++, 0);
  expect(await inTurns(work(60), undefined)).toBe(60);
  clearInterval(timer);
  expect(others).toBeGreaterThan(1);
});

it("stops when asked, and passes errors on", async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 1);
  await expect(inTurns(work(10_000), controller.signal)).rejects.toMatchObject({ code: "aborted" });
  await expect(
    inTurns(
      (function* () {
        yield;
        throw new RangeError("no");
      })(),
      undefined,
    ),
  ).rejects.toThrow("no");
  await expect(new Turns(AbortSignal.abort()).next()).rejects.toMatchObject({ code: "aborted" });
});
