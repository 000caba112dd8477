import { afterEach, describe, expect, it, vi } from "vitest";
import { availableBytes, checkMemory, freeBytes, type Reservation, reserve, reserveUnchecked } from "./memory.js";

const signal = undefined;
const itself = { endsByItself: true, signal };
const reader = { endsByItself: false, signal };
const GiB = 2 ** 30;
/** Nothing else is going on in this process: `free` bytes are free. */
const free = (bytes: number) =>
  vi.spyOn(process, "constrainedMemory").mockReturnValue(bytes) && vi.spyOn(process.memoryUsage, "rss").mockReturnValue(0);
afterEach(() => vi.restoreAllMocks());
/** Whether a promise has settled after everything that was ready has run. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  const note = () => {
    done = true;
  };
  promise.then(note, note);
  await new Promise((resolve) => setImmediate(resolve));
  return done;
}

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

  it("refuses one array beyond what JavaScript holds, and nothing that the executor allocates", () => {
    expect(() => checkMemory([{ what: "logits", bytes: 2 ** 35, array: true }], "Ask for less", 2 ** 40)).toThrow(
      /logits takes 32 GiB.*one array holds at most 16 GiB/,
    );
    expect(() => checkMemory([{ what: "KV cache", bytes: 2 ** 35 }], "Use a smaller window", 2 ** 40)).not.toThrow();
  });

  it("knows of free memory", () => {
    expect(freeBytes()).toBeGreaterThan(2 ** 20);
  });
});

describe("memory of calls that run at the same time", () => {
  it("is counted once it is reserved, not once it is written", async () => {
    free(GiB);
    const first = await reserve([{ what: "KV cache", bytes: 0.75 * GiB }], "", reader);
    expect(availableBytes()).toBe(0.25 * GiB);
    await expect(reserve([{ what: "KV cache", bytes: 0.5 * GiB }], "Use less", reader)).rejects.toMatchObject({
      code: "out-of-memory",
      message: expect.stringMatching(/256 MiB are free, beside 768 MiB reserved by 1 generation not read to the end/),
    });
    first.settle(1 / 3); // written: the system counts it now
    expect(availableBytes()).toBe(0.5 * GiB);
    first.settle(0.1);
    expect(availableBytes()).toBe(0.5 * GiB);
    first.release();
    first.release();
    expect(availableBytes()).toBe(GiB);
    const opening = reserveUnchecked(GiB);
    expect(availableBytes()).toBe(0);
    opening.release();
  });

  it("is waited for where a call ends by itself, and only there", async () => {
    free(GiB);
    const needs = [{ what: "KV cache", bytes: 0.75 * GiB }];
    const first = await reserve(needs, "", itself);
    const order: string[] = [];
    const waits = [1, 2].map((n) =>
      reserve(needs, "", itself).then((got) => {
        order.push(`${n}`);
        return got;
      }),
    );
    expect(await settled(waits[0]!)).toBe(false);
    // What never fits is refused at once.
    await expect(reserve([{ what: "KV cache", bytes: 2 * GiB }], "", itself)).rejects.toMatchObject({ code: "out-of-memory" });
    first.release();
    const second = (await waits[0]) as Reservation;
    expect(await settled(waits[1]!)).toBe(false);
    second.release();
    (await waits[1])!.release();
    expect(order).toEqual(["1", "2"]);
    expect(availableBytes()).toBe(GiB);
  });

  it("hears the stop while it waits", async () => {
    free(GiB);
    const needs = [{ what: "KV cache", bytes: GiB }];
    const first = await reserve(needs, "", itself);
    const stop = new AbortController();
    const waiting = reserve(needs, "", { endsByItself: true, signal: stop.signal });
    expect(await settled(waiting)).toBe(false);
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: "aborted" });
    first.release();
    expect(availableBytes()).toBe(GiB);
  });
});
