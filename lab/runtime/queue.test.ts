import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Queue } from "./queue.js";

describe("the queue of a model", () => {
  it("gives turns in order, one at a time, also after an error", async () => {
    const queue = new Queue();
    const log: string[] = [];
    const job = (name: string, fail = false) =>
      queue.turn(undefined, async () => {
        log.push(`${name} begins`);
        await nextTurn();
        log.push(`${name} ends`);
        if (fail) throw new Error(name);
        return name;
      });
    const results = await Promise.allSettled([job("a"), job("b", true), job("c")]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(log).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
  });

  it("lets one that waits stop at once, and keeps the order of the others", async () => {
    const queue = new Queue();
    const stop = new AbortController();
    let ended = false;
    let end = (): void => {};
    const first = queue.turn(undefined, async () => {
      await new Promise<void>((resolve) => {
        end = resolve;
      });
      ended = true;
      return "first";
    });
    const second = queue.turn(stop.signal, async () => "second");
    const third = queue.turn(undefined, async () => "third");
    stop.abort();
    await expect(second).rejects.toMatchObject({ code: "aborted" });
    expect(ended).toBe(false); // It did not wait for its turn.
    end();
    expect(await Promise.all([first, third])).toEqual(["first", "third"]);
    await queue.drained();
  });
});
