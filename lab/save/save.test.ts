import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { folder } from "../../test/support/small-llama.js";
import { tensor } from "../tensor.js";
import { save } from "./save.js";

let dir: Awaited<ReturnType<typeof folder>>;
beforeAll(async () => {
  dir = await folder();
});
afterAll(() => dir.remove());
const written = async (name: `${string}.${"json" | "csv"}`, value: object) => {
  const path = join(dir.path, name) as typeof name;
  await save(path, value);
  return readFile(path, "utf8");
};
const points = [
  { setting: { kind: "fatrelu", t: 0.03 }, sparsity: { mean: 0.5, byLayer: Float32Array.of(0.1, Number.NaN) }, done: true },
  { setting: { kind: "as-trained" }, sparsity: { mean: 0.25, byLayer: Float32Array.of(0.2, 0.3) }, done: false, note: 'a, "b"' },
];

describe("save", () => {
  it("writes json: float32 in its shortest form, NaN and infinities as null", async () => {
    expect(JSON.parse(await written("a.json", points))).toEqual([
      { setting: { kind: "fatrelu", t: 0.03 }, sparsity: { mean: 0.5, byLayer: [0.1, null] }, done: true },
      { setting: { kind: "as-trained" }, sparsity: { mean: 0.25, byLayer: [0.2, 0.3] }, done: false, note: 'a, "b"' },
    ]);
  });
  it("writes csv: a row for each record, and for each value of a tensor", async () => {
    expect(await written("a.csv", points)).toBe(
      "setting.kind,setting.t,sparsity.mean,sparsity.byLayer.0,sparsity.byLayer.1,done,note\n" +
        "fatrelu,0.03,0.5,0.1,,true,\n" +
        'as-trained,,0.25,0.2,0.3,false,"a, ""b"""\n',
    );
    expect(await written("sub/t.csv", tensor(Float32Array.of(1, 2, 3.5, 4), ["layer", "token"], [2, 2]))).toBe(
      "layer,token,value\n0,0,1\n0,1,2\n1,0,3.5\n1,1,4\n",
    );
  });
  it("refuses other endings, and what is not plain data", async () => {
    await expect(save("x.txt" as never, {})).rejects.toThrow(/writes \.json, \.csv, \.npz, \.safetensors; "x\.txt" is none/);
    await expect(save("x.gguf" as never, {})).rejects.toThrow(/not available yet/);
    await expect(save("x.csv", {}, { sgnal: 1 } as never)).rejects.toThrow(/Did you mean "signal"/);
    await expect(written("x.json", { when: new Date() })).rejects.toThrow(/value\.when is a Date/);
    await expect(written("x.json", [{ fn: () => 0 }])).rejects.toThrow(/value\[0\]\.fn is a function/);
  });
  it("leaves the file as it was when it is stopped before it ends", async () => {
    for (const name of ["old.json", "old.csv"] as const) {
      await written(name, { a: 1 });
      const before = await readFile(join(dir.path, name), "utf8");
      await expect(save(join(dir.path, name) as "x.csv", { a: 2 }, { signal: AbortSignal.abort() })).rejects.toMatchObject({
        code: "aborted",
      });
      expect(await readFile(join(dir.path, name), "utf8")).toBe(before);
    }
  });
  it("says why it cannot write, and refuses what contains itself", async () => {
    await mkdir(join(dir.path, "taken.json"));
    await expect(written("taken.json", {})).rejects.toMatchObject({
      code: "invalid-option",
      message: expect.stringMatching(/save cannot write ".*taken\.json": it is a folder$/),
    });
    const loop: Record<string, unknown> = { list: [] };
    (loop.list as unknown[]).push(loop);
    await expect(written("loop.json", loop)).rejects.toThrow(/value\.list\[0\] contains itself/);
    await expect(written("loop.csv", loop)).rejects.toThrow(/contains itself/);
  });
});
