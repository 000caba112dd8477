/** A model opened from bytes in memory: the same model as from its path, even if the caller changes the bytes. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { callNative, callNativeSync, type OpenedFile } from "../../lab/native.js";
import { tinyWorld } from "../../lab/package.js";

/** Rows of a weight, and the header. */
async function look({ file, table }: OpenedFile) {
  const model = await callNative((addon) => addon.open(file));
  callNativeSync((addon) => addon.closeFile(file));
  const info = callNativeSync((addon) => addon.modelInfo(model));
  const { data } = await callNative((addon) => addon.weight(model, "blk.3.ffn_down.weight", 5, 2));
  const last = new Uint8Array(10);
  const read = await callNative((addon) => addon.read(model, last, table.fileBytes - 7));
  const stamp = await callNative((addon) => addon.stamp(model));
  callNativeSync((addon) => addon.closeModel(model));
  const { path: _, parts: __, ...rest } = table;
  const { mappedBytes, ownedBytes } = info;
  return { table: rest, data, last, read, stamp, memory: { mappedBytes, ownedBytes } };
}

describe("a file in memory", () => {
  it("opens as the file does; its bytes were copied", async () => {
    const bytes = new Uint8Array(readFileSync(tinyWorld));
    const opening = callNative((addon) => addon.openFile(bytes));
    bytes.fill(0);
    const { stamp, memory, ...inMemory } = await look(await opening);
    const { stamp: onDisk, memory: mapped, ...fromPath } = await look(await callNative((addon) => addon.openFile(tinyWorld)));
    expect(inMemory).toEqual(fromPath);
    expect(inMemory.read).toBe(7);
    expect(stamp).not.toBe(onDisk);
    expect(memory).toEqual({ mappedBytes: 0, ownedBytes: mapped.ownedBytes + bytes.length });
  });

  it("two of the same bytes are two files", async () => {
    const bytes = new Uint8Array(readFileSync(tinyWorld));
    const [one, two] = await Promise.all([1, 2].map(async () => look(await callNative((addon) => addon.openFile(bytes)))));
    expect(one!.stamp).not.toBe(two!.stamp);
    expect(one!.data).toEqual(two!.data);
  });

  it("is checked like a file on disk", async () => {
    const code = "bad-file";
    await expect(callNative((addon) => addon.openFile(new Uint8Array(0)))).rejects.toMatchObject({ code });
    await expect(callNative((addon) => addon.openFile(new TextEncoder().encode("not a model")))).rejects.toMatchObject({ code });
    const short = new Uint8Array(readFileSync(tinyWorld)).subarray(0, 100_000);
    await expect(callNative((addon) => addon.openFile(short))).rejects.toMatchObject({ code, message: /bytes in memory/ });
    await expect(callNative(async (addon) => addon.openFile(new Float32Array(4) as never))).rejects.toMatchObject({
      code: "invalid-option",
    });
  });
});
