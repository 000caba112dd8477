import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { folder, writeSmallLlama } from "../../test/support/small-llama.js";
import { type Displayable, displaySymbol } from "../display.js";
import { corpus } from "../measures/corpus.js";
import { groupSize, walkNeeds } from "../measures/groups.js";
import { prepare } from "../measures/job.js";
import { measure } from "../measures/measure.js";
import type { Point } from "../measures/report.js";
import { internalsOf } from "../model/internals.js";
import { loadQuietly } from "../model/load.js";
import type { Model } from "../model/model.js";
import { tinyWorld } from "../package.js";
import { fatrelu } from "../policy/policy.js";
import { sweep, sweepWithin } from "./sweep.js";

const held = join(dirname(tinyWorld), "held.txt");
const window = 128;
const on = corpus(held, { maxTokens: 3 * window });
let model: Model;
beforeAll(async () => {
  ({ model } = await loadQuietly(tinyWorld));
});
afterAll(() => model.dispose());

async function all<T>(of: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const one of of) out.push(one);
  return out;
}

describe("sweep", () => {
  it("gives each setting what measure gives it alone, bit for bit", async () => {
    const names = ["sparsity", "perplexity", "kl", "top1"] as const;
    const points = await all(sweep(model, { over: [...fatrelu(0, 2), { kind: "as-trained" }], on, measure: names, window }));
    expect(points.map(({ setting, done }) => [setting, done])).toEqual([
      [{ kind: "fatrelu", t: 0 }, true],
      [{ kind: "fatrelu", t: 2 }, true],
      [{ kind: "as-trained" }, true],
    ]);
    for (const point of points) {
      const view = model.with({ policy: point.setting });
      const { sparsity, perplexity, kl, top1 } = await measure(view, on, { measure: names, reference: model, window });
      expect({ ...point.sparsity }).toEqual({ ...sparsity });
      expect([point.perplexity, point.kl, point.top1]).toEqual([perplexity, kl, top1]);
      expect(point.provenance.policy).toEqual(point.setting);
      view.dispose();
    }
    expect(points[2]!.kl.max).toBe(0);
    expect(points[0]!.sparsity.mean).toBeLessThan(points[1]!.sparsity.mean);
  });

  it("reads the weights for six settings less than 1.5 times as often as for one", async () => {
    const read = async (...t: number[]) => {
      const running = sweep(model, { over: fatrelu(...t), on, measure: ["sparsity", "perplexity"], window });
      await all(running);
      return running.weightBytesRead;
    };
    const one = await read(0);
    const six = await read(0, 0.5, 1, 1.5, 2, 3);
    expect(one).toBeGreaterThan(0);
    expect(six / one).toBeLessThan(1.5);
  });

  it("reports the running points after each chunk, finished ones last", async () => {
    const updates: (readonly Point<"sparsity" | "kl">[])[] = [];
    const points = await all(
      sweep(model, { over: fatrelu(0, 2), on, measure: ["sparsity", "kl"], window, onUpdate: (p) => updates.push(p) }),
    );
    // Three windows of two chunks; the first chunk of the first has no scored token yet.
    expect(updates.map((update) => update.map(({ tokens, done }) => [tokens, done]))).toEqual(
      [128, 192, 256, 320, 384].map((tokens) => [
        [tokens, tokens === 384],
        [tokens, tokens === 384],
      ]),
    );
    expect(updates.at(-1)).toEqual(points);
  });

  it("runs to its points when it is awaited, once, and gives them again to every later reader", async () => {
    const read = { over: fatrelu(0, 2), on: corpus(held, { maxTokens: window }), measure: ["sparsity"], window } as const;
    const running = sweep(model, read);
    expect(running.points).toEqual([]);
    expect((running as unknown as Displayable)[displaySymbol]()).toMatchObject({
      "text/plain": expect.stringMatching(/2 settings: not started; did you forget await\?/),
    });
    const points = await running;
    expect(points.map(({ setting, done }) => [setting, done])).toEqual([
      [{ kind: "fatrelu", t: 0 }, true],
      [{ kind: "fatrelu", t: 2 }, true],
    ]);
    const bytes = running.weightBytesRead;
    expect(bytes).toBeGreaterThan(0);
    // The same records, and no weight is read again.
    const [again, looped] = [await running, await all(running)];
    for (const [i, point] of points.entries()) {
      expect(again[i]).toBe(point);
      expect(looped[i]).toBe(point);
      expect(running.points[i]).toBe(point);
    }
    expect(running.weightBytesRead).toBe(bytes);
  });

  it("is read by several at once: the work is done once", async () => {
    const running = sweep(model, { over: fatrelu(0, 2), on: corpus(held, { maxTokens: window }), measure: ["sparsity"], window });
    const [one, two, three] = await Promise.all([all(running), running, all(running)]);
    expect(two).toEqual(one);
    expect(three).toEqual(one);
    const alone = sweep(model, { over: fatrelu(0, 2), on: corpus(held, { maxTokens: window }), measure: ["sparsity"], window });
    await alone;
    expect(running.weightBytesRead).toBe(alone.weightBytesRead);
  });

  it("reports that it was left, to a later reader of unmeasured settings", async () => {
    const options = { over: fatrelu(0, 1, 2), on: corpus(held, { maxTokens: window }), measure: ["sparsity"], window } as const;
    const job = await prepare(model, options.on, { measure: ["sparsity"], window }, undefined);
    const one = groupSize(job, [internalsOf(model).native], [], ["sparsity"]);
    const running = sweepWithin(model, options, 2 * one.bytes);
    for await (const point of running) {
      expect(point.setting).toEqual({ kind: "fatrelu", t: 0 });
      break;
    }
    expect(running.points).toHaveLength(1);
    await expect(running).rejects.toMatchObject({ code: "aborted", message: expect.stringMatching(/left when 1 of 3 settings/) });
    const seen: unknown[] = [];
    const rest = async () => {
      for await (const point of running) seen.push(point.setting);
    };
    await expect(rest()).rejects.toThrow(/a new sweep measures the rest/);
    expect(seen).toEqual([{ kind: "fatrelu", t: 0 }]);
    // Left after the last group: nothing is missing.
    const whole = sweep(model, options);
    for await (const _ of whole) break;
    expect(await whole).toHaveLength(3);
  });

  it("keeps what it has when it is stopped", async () => {
    const stop = new AbortController();
    const updates: (readonly Point<"sparsity">[])[] = [];
    const running = sweep(model, {
      over: fatrelu(0, 2),
      on: corpus(held),
      measure: ["sparsity"],
      window,
      signal: stop.signal,
      onUpdate: (points) => {
        updates.push(points);
        if (updates.length === 2) setImmediate(() => stop.abort()); // The next forward pass has begun by then.
      },
    });
    await expect(all(running)).rejects.toMatchObject({ code: "aborted" });
    expect(running.points.length).toBe(2);
    expect(running.points.every(({ done, tokens }) => !done && tokens >= 128)).toBe(true);
    expect(updates.at(-1)).toEqual(running.points);
    await expect(running).rejects.toMatchObject({ code: "aborted" });
  });

  it("makes groups of what fits into memory, to the same points", async () => {
    const job = await prepare(model, on, { measure: ["kl"], reference: model, window }, undefined);
    const settings = [0, 1, 2, 3].map(() => internalsOf(model).native);
    const whole = groupSize(job, settings, settings.slice(0, 1), ["kl"]);
    expect(whole.size).toBe(4);
    const half = groupSize(job, settings, settings.slice(0, 1), ["kl"], 1.5 * whole.bytes);
    expect(half.size).toBeLessThan(4);
    expect(half.bytes).toBeLessThanOrEqual(0.75 * whole.bytes);
    expect(() => groupSize(job, settings, [], ["kl"], 1000)).toThrow(/KV cache .* bytes.*Use a smaller window/);

    // However many there are, a group has a limit, and is found in no time.
    const many = new Array<(typeof settings)[number]>(20_000).fill(settings[0]!);
    expect(groupSize(job, many, [], ["sparsity"], 2 ** 40).size).toBe(512);
    // A KV cache is not a JavaScript array: only the memory limits it, even beyond 4 GiB.
    const [cache] = walkNeeds(job, many, ["sparsity"]);
    expect(cache).toMatchObject({ what: "KV cache" });
    expect(cache!.bytes).toBeGreaterThan(2 ** 33);
    expect(cache!.array).toBeUndefined();

    const updates: number[] = [];
    const options = {
      over: fatrelu(0, 1, 2),
      on: corpus(held, { maxTokens: window }),
      measure: ["sparsity", "kl"],
      window,
    } as const;
    const grouped = await all(sweepWithin(model, { ...options, onUpdate: (points) => updates.push(points.length) }, whole.bytes));
    const together = await all(sweep(model, options));
    const numbers = (points: readonly Point<"sparsity" | "kl">[]) =>
      points.map(({ setting, sparsity, kl, tokens, done }) => ({ setting, sparsity, kl, tokens, done }));
    expect(numbers(grouped)).toEqual(numbers(together));
    expect(new Set(updates).size).toBeGreaterThan(1);
  });

  it("refuses at once what it cannot do", async () => {
    const start = (options: object) => () => sweep(model, { over: fatrelu(0), on, measure: ["sparsity"], ...options } as never);
    expect(start({ over: [] })).toThrow(/at least one policy/);
    expect(start({ over: [{ kind: "fatrelu", t: -1 }] })).toThrow(/>= 0/);
    expect(start({ over: [{ kind: "fatrelu", t: [1] }] })).toThrow(/1 values for a model of 6/);
    expect(start({ measure: ["perplexty"] })).toThrow(/Did you mean "perplexity"/);
    expect(start({ tasks: [] })).toThrow(/not available yet/);
    expect(start({ onupdate: () => 0 })).toThrow(/Did you mean "onUpdate"/);
    expect(start({ on: "held.txt" })).toThrow(/corpus\("file\.txt"\)/);
    const dir = await folder();
    const { model: silu } = await loadQuietly(writeSmallLlama(dir.path));
    expect(() => sweep(silu, { over: fatrelu(0.1), on, measure: ["sparsity"] })).toThrow(/goes with a ReLU-family activation/);
    silu.dispose();
    await dir.remove();
  });
});
