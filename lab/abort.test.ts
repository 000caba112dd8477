import { expect, it } from "vitest";
import { onAbort, untilAborted } from "./abort.js";

it("calls every listener of a signal once, through one listener of its own", async () => {
  const stop = new AbortController();
  let added = 0;
  const { addEventListener } = stop.signal;
  stop.signal.addEventListener = (...given: Parameters<typeof addEventListener>) => {
    added++;
    addEventListener.apply(stop.signal, given);
  };
  const heard: number[] = [];
  const same = () => void heard.push(0);
  const takeBack = [1, 2, 3].map((i) => onAbort(stop.signal, () => heard.push(i)));
  onAbort(stop.signal, same);
  onAbort(stop.signal, same);
  takeBack[1]!();
  const waits = Array.from({ length: 20 }, () => untilAborted(new Promise(() => {}), stop.signal));
  stop.abort();
  stop.abort();
  for (const wait of waits) await expect(wait).rejects.toMatchObject({ code: "aborted" });
  expect(heard).toEqual([1, 3, 0, 0]);
  expect(added).toBe(1);
});

it("needs no signal", () => {
  onAbort(undefined, () => {
    throw new Error("never");
  })();
});
