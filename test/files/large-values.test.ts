/**
 * Metadata values of any size, in sparse files: a value too large for JavaScript is described by its type and size, and takes no memory. A file
 * in which nothing needs it runs; if a needed key has it, the error says what was found.
 */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadQuietly } from "../../lab/model/load.js";
import { callNative, type MetaValue } from "../../lab/native.js";
import { layout } from "../fuzz/layout.js";
import type { Meta } from "../support/gguf.js";
import { folder, writeSmallLlama } from "../support/small-llama.js";

let at: Awaited<ReturnType<typeof folder>>;
beforeAll(async () => {
  at = await folder();
});
afterAll(() => at.remove());

const GIB = 2 ** 30;
let files = 0;
/** A small llama in which `key`, its last, has a value of `bytes` zero bytes that take no space on the disk. */
function sparse(key: string, empty: Meta, count: number, bytes: number): string {
  const file = `${files++}.gguf`;
  const path = writeSmallLlama(at.path, { file, keys: { [key]: null } });
  const whole = writeSmallLlama(at.path, { file: `${files++}.gguf`, keys: { [key]: empty } });
  const good = new Uint8Array(readFileSync(whole));
  const { fields } = layout(good);
  const name = fields.findIndex(
    (field) => field.what === "text" && Buffer.from(good.subarray(field.at, field.at + field.bytes)).toString() === key,
  );
  // An array begins with its element type and count, a text with its length: the last number before the value.
  const number = fields.slice(name + 1).find((field) => field.bytes === 8)!;
  const head = good.slice(0, number.at + 8);
  new DataView(head.buffer).setBigUint64(number.at, BigInt(count), true);
  expect(bytes % 32).toBe(0); // what follows keeps its alignment
  const out = openSync(path, "w");
  writeSync(out, head, 0, head.length, 0);
  writeSync(out, good, number.at + 8, good.length - number.at - 8, head.length + bytes);
  closeSync(out);
  return path;
}
const header = async (path: string, key: string): Promise<MetaValue | undefined> =>
  (await callNative((addon) => addon.readHeader(path))).metadata.get(key);
const bytesHeld = () => process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;

describe("values that are too large", () => {
  it.each<[string, Meta, number, number, MetaValue]>([
    [
      "5 GiB of bytes",
      { type: "numbers", element: "u8", value: [] },
      5 * GIB,
      5 * GIB,
      { type: "unread", what: "an array of u8s", count: 5 * GIB, bytes: 5 * GIB },
    ],
    [
      "5 GiB of doubles",
      { type: "numbers", element: "f64", value: [] },
      (5 * GIB) / 8,
      5 * GIB,
      { type: "unread", what: "an array of f64s", count: (5 * GIB) / 8, bytes: 5 * GIB },
    ],
    [
      "a text of 600 MiB",
      { type: "string", value: "" },
      600 * 2 ** 20,
      600 * 2 ** 20,
      { type: "unread", what: "a string", count: 1, bytes: 600 * 2 ** 20 + 8 },
    ],
    [
      "5 million texts",
      { type: "strings", value: [] },
      5_000_000,
      40_000_000,
      { type: "unread", what: "an array of strings", count: 5_000_000, bytes: 40_000_000 },
    ],
  ])("%s that is not needed", async (_, empty, count, bytes, found) => {
    const path = sparse("x.large", empty, count, bytes);
    const before = bytesHeld();
    expect(await header(path, "x.large")).toEqual(found);
    const { model } = await loadQuietly(path, { threads: 1 });
    expect(bytesHeld() - before).toBeLessThan(32 * 2 ** 20);
    expect((await model.run([1, 5, 9])).logits.data).toEqual(await plain());
    model.dispose();
  });
  it("that are needed are errors with type and size", async () => {
    const name = sparse("general.name", { type: "string", value: "" }, 600 * 2 ** 20, 600 * 2 ** 20);
    await expect(loadQuietly(name)).rejects.toMatchObject({
      code: "bad-file",
      message: expect.stringMatching(/"general\.name".*found a string of 600 MiB, more than is read/),
    });
    const scores = sparse("tokenizer.ggml.scores", { type: "numbers", element: "f32", value: [] }, 2 ** 24, 2 ** 26);
    const { model } = await loadQuietly(scores);
    expect(() => model.tokenizer).toThrow(
      /scores: expected an array of numbers, found an array of f32s of 64 MiB, more than is read/,
    );
    model.dispose();
  });
});

const plain = async () => {
  const { model } = await loadQuietly(writeSmallLlama(at.path, { file: "plain.gguf" }), { threads: 1 });
  const { data } = (await model.run([1, 5, 9])).logits;
  model.dispose();
  return data;
};

describe("arrays", () => {
  it("keep their own element type", async () => {
    const values = {
      u8: [0, 255],
      i8: [-128, 127],
      u16: [65535],
      i16: [-32768],
      u32: [2 ** 32 - 1],
      i32: [-(2 ** 31)],
      f32: [0.5],
      f64: [0.1],
      bool: [1, 0],
      u64: [2n ** 64n - 1n],
      i64: [-(2n ** 63n)],
    } as const;
    const kinds: Readonly<Record<string, unknown>> = {
      u8: Uint8Array,
      i8: Int8Array,
      u16: Uint16Array,
      i16: Int16Array,
      u32: Uint32Array,
      i32: Int32Array,
      f32: Float32Array,
      f64: Float64Array,
      bool: Uint8Array,
      u64: BigUint64Array,
      i64: BigInt64Array,
    };
    const keys = Object.fromEntries(
      Object.entries(values).map(([element, value]) => [`x.${element}`, { type: "numbers", element, value } as Meta]),
    );
    const path = writeSmallLlama(at.path, { file: "arrays.gguf", keys });
    for (const [element, value] of Object.entries(values)) {
      const found = (await header(path, `x.${element}`))!;
      expect(found).toMatchObject({ type: "numbers", element });
      if (found.type !== "numbers") throw new Error(element);
      expect(found.value.constructor).toBe(kinds[element]);
      expect(Array.from<number | bigint>(found.value)).toEqual([...value]);
    }
  });
});
