/** A program is compiled once and can start over: after `restart` its KV cache is as empty as a new one's. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { folder, small, writeSmallLlama } from "../../test/support/small-llama.js";
import { CPU } from "../device.js";
import { callNative, callNativeSync, type NativeSetting } from "../native.js";
import { countSinks } from "./batch.js";
import { Program } from "./program.js";
import { Weights } from "./weights.js";

let dir: Awaited<ReturnType<typeof folder>>;
let weights: Weights;
beforeAll(async () => {
  dir = await folder();
  const opened = await callNative((addon) => addon.openFile(writeSmallLlama(dir.path)));
  weights = await Weights.open(opened, CPU, "by-neuron");
  weights.retain();
  callNativeSync((addon) => addon.closeFile(opened.file));
});
afterAll(async () => {
  weights.release();
  await dir.remove();
});

const setting = (): NativeSetting => ({
  activation: "relu",
  t: new Float32Array(small.layers),
  strategy: "exact",
  interventions: [],
});
const program = () => new Program(weights, { settings: [setting()], captures: [], sequences: 2, length: 8, threads: 1 });

/** Both sequences take these tokens, one beside the other, from position `start` on; gives the logits of all rows. */
async function logits(on: Program, tokens: readonly number[], start = 0): Promise<Float32Array> {
  const rows = 2 * tokens.length;
  const of = (fn: (row: number) => number) => Int32Array.from({ length: rows }, (_, row) => fn(row));
  const out = new Float32Array(rows * small.vocab);
  await on.forward(
    {
      tokens: of((row) => tokens[row >> 1]! + (row & 1)),
      positions: of((row) => start + (row >> 1)),
      sequences: of((row) => row & 1),
      settings: new Int32Array(rows),
      logits: new Uint8Array(rows).fill(1),
    },
    { ...countSinks(small.layers, rows), logits: out },
    undefined,
  );
  return out;
}

describe("a program that restarts", () => {
  it("gives the bits of a new one, in every sequence", async () => {
    const [fresh, used] = [program(), program()];
    const expected = await logits(fresh, [4, 9, 7]);
    await logits(used, [20, 21, 22, 23, 24]);
    // The cache holds five positions: without a restart, position 0 is refused.
    await expect(logits(used, [4, 9, 7])).rejects.toThrow(/position/);
    await used.restart();
    expect([...(await logits(used, [4, 9, 7]))]).toEqual([...expected]);
    expect([...(await logits(used, [11], 3))]).toEqual([...(await logits(fresh, [11], 3))]);
    await used.restart();
    await used.restart();
    expect([...(await logits(used, [4, 9, 7]))]).toEqual([...expected]);
    for (const one of [fresh, used]) one.close();
  });
});
