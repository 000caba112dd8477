/** `save` to .npz and .safetensors, read back by numpy: every array bit for bit, with its type, shape and axes. */
import { execFile } from "node:child_process";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadQuietly } from "../../lab/model/load.js";
import { tinyWorld } from "../../lab/package.js";
import { save } from "../../lab/save/save.js";
import { tensor } from "../../lab/tensor.js";
import { python } from "../../scripts/lib/paths.mjs";
import { folder } from "../support/small-llama.js";

interface Found {
  readonly type: string;
  readonly shape: number[];
  readonly data: unknown;
}
let dir: Awaited<ReturnType<typeof folder>>;
beforeAll(async () => {
  dir = await folder();
});
afterAll(() => dir.remove());

async function readBack(name: string): Promise<Record<string, Found>> {
  const { stdout } = await promisify(execFile)(python, [join(import.meta.dirname, "read.py"), join(dir.path, name)], {
    maxBuffer: 1 << 28,
  });
  return JSON.parse(stdout) as Record<string, Found>;
}
const hex = (view: ArrayBufferView) => Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString("hex");
const hexBytes = (value: number) => Buffer.from(new Float32Array(8).fill(value).buffer);
/** Values that a format could lose: NaN with a payload, -0, subnormal, infinity. */
const odd = new Float32Array(Uint32Array.of(0x7fc01234, 0x80000000, 1, 0x7f800000, 0x3f800000, 0xff7fffff).buffer);

describe.each([".npz", ".safetensors"] as const)("save to %s", (ending) => {
  it("keeps every kind of array, nested names, texts and the axes of tensors", async () => {
    const value = {
      odd: tensor(odd, ["layer", "token"], [2, 3]),
      nested: { ids: Int32Array.of(-1, 2), count: 7, ok: true, big: BigInt64Array.of(-(2n ** 62n)), empty: new Float64Array(0) },
      list: [0.1, Number.NaN],
      raw: Buffer.from([1, 2, 255]),
      name: "naïve 😀",
      words: ["a", "längere"],
      parts: [{ x: 1 }, { x: 2 }],
      absent: undefined,
    };
    await save(join(dir.path, `all${ending}`) as "x.npz", value);
    const found = await readBack(`all${ending}`);
    expect(found).toMatchObject({
      odd: { type: "<f4", shape: [2, 3], data: hex(odd) },
      "odd.dims": { type: "text", shape: [2], data: ["layer", "token"] },
      "nested.ids": { type: "<i4", shape: [2], data: hex(Int32Array.of(-1, 2)) },
      "nested.count": { type: "<f8", shape: [], data: hex(Float64Array.of(7)) },
      "nested.ok": { type: "|b1", shape: [], data: "01" },
      "nested.big": { type: "<i8", shape: [1], data: hex(BigInt64Array.of(-(2n ** 62n))) },
      "nested.empty": { type: "<f8", shape: [0], data: "" },
      list: { type: "<f8", shape: [2], data: hex(Float64Array.of(0.1, Number.NaN)) },
      raw: { type: "|u1", shape: [3], data: "0102ff" },
      name: { type: "text", shape: [], data: "naïve 😀" },
      words: { type: "text", shape: [2], data: ["a", "längere"] },
      "parts.1.x": { data: hex(Float64Array.of(2)) },
    });
    expect(Object.keys(found)).not.toContain("absent");
  });

  it("keeps a run with its captures, and a single tensor as data", async () => {
    const { model } = await loadQuietly(tinyWorld, {});
    const run = await model.run("The rope is", { capture: ["blocks.*.ffn.mid", "embed"], logits: "none" });
    await save(join(dir.path, `run${ending}`) as "x.npz", run);
    const found = await readBack(`run${ending}`);
    const mid = run.cache.get("blocks.*.ffn.mid");
    expect(found["cache.blocks.*.ffn.mid"]).toEqual({ type: "<f4", shape: Object.values(mid.size), data: hex(mid.data) });
    expect(found["cache.embed.dims"]!.data).toEqual(["token", "hidden"]);
    expect(found.sparsity!.data).toBe(hex(run.sparsity.data));
    expect(found.pieces!.data).toEqual(run.pieces);
    expect(found.logits).toBe(undefined); // the run has none
    await save(join(dir.path, `one${ending}`) as "x.npz", mid);
    expect((await readBack(`one${ending}`)).data).toMatchObject({ shape: Object.values(mid.size), data: hex(mid.data) });
    model.dispose();
  });

  it("writes what was passed, also where the caller changes it meanwhile", async () => {
    const values = new Float32Array(3 << 20).fill(1);
    const saving = save(join(dir.path, `kept${ending}`) as "x.npz", values);
    values.fill(2);
    await saving;
    const written = await readFile(join(dir.path, `kept${ending}`));
    expect(written.includes(hexBytes(1))).toBe(true);
    expect(written.includes(hexBytes(2))).toBe(false);
  });

  it("leaves no file when it is stopped, and refuses what it would lose", async () => {
    const controller = new AbortController();
    const saving = save(join(dir.path, `stopped${ending}`) as "x.npz", new Float32Array(16 << 20), { signal: controller.signal });
    controller.abort();
    await expect(saving).rejects.toMatchObject({ code: "aborted" });
    expect((await readdir(dir.path)).filter((name) => name.startsWith("stopped"))).toEqual([]);
    await expect(save(join(dir.path, `n${ending}`) as "x.npz", { a: { b: null } })).rejects.toThrow(/a\.b is null.*leave it out/);
    await expect(save(join(dir.path, `n${ending}`) as "x.npz", { a: { b: () => 0 } })).rejects.toThrow(/a\.b is a function/);
    await expect(save(join(dir.path, `n${ending}`) as "x.npz", { "a.b": 1, a: { b: 2 } })).rejects.toThrow(
      /two values are called "a\.b"/,
    );
    await expect(stat(join(dir.path, `n${ending}`))).rejects.toThrow(/ENOENT/);
  });

  it("keeps odd names, and refuses values of which part would be lost", async () => {
    await save(join(dir.path, `names${ending}`) as "x.npz", JSON.parse('{ "__proto__": [1, 2], "../é 😀": [3] }') as object);
    expect(await readBack(`names${ending}`)).toMatchObject({
      ["__proto__"]: { shape: [2], data: hex(Float64Array.of(1, 2)) },
      "../é 😀": { data: hex(Float64Array.of(3)) },
    });
    const refused = (value: object) => save(join(dir.path, `refused${ending}`) as "x.npz", value);
    const x = tensor(Float32Array.of(1), ["token"], [1]);
    await expect(refused({ x, "x.dims": "mine" })).rejects.toThrow(/two values are called "x\.dims".*the axes of a tensor/);
    await expect(refused({ half: "\ud83d" })).rejects.toThrow(/the text "half" holds half of a character/);
    await expect(refused({ "\ud83d": 1 })).rejects.toThrow(/a name holds half of a character/);
    const gone = Float32Array.of(1);
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    await expect(refused({ gone })).rejects.toThrow(/gone was transferred elsewhere/);
    const loop: Record<string, unknown> = {};
    loop.again = { loop };
    await expect(refused(loop)).rejects.toMatchObject({ code: "invalid-option", message: "again.loop contains itself" });
    expect((await readdir(dir.path)).filter((name) => name.startsWith("refused"))).toEqual([]);
  });

  it("gives one whole file where two calls write it", async () => {
    const path = join(dir.path, `twice${ending}`) as "x.npz";
    await Promise.all([1, 2].map((value) => save(path, new Float32Array(4 << 20).fill(value))));
    const bytes = await readFile(path);
    expect([1, 2].filter((value) => bytes.includes(hexBytes(value)))).toHaveLength(1);
    expect((await readdir(dir.path)).filter((name) => name.includes("unfinished"))).toEqual([]);
  });
});

it("save to .npz refuses what a zip cannot hold", async () => {
  const path = join(dir.path, "most.npz") as "x.npz";
  await expect(save(path, { ["n".repeat(65536)]: 1 })).rejects.toThrow(/has 65536 bytes; an \.npz holds names up to 65531/);
  await expect(save(path, { words: ["x".repeat(2e6), ...Array<string>(1000).fill("y")] })).rejects.toThrow(
    /holds up to 4 GiB.*save them as \.safetensors/,
  );
});
