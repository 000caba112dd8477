import { readFile } from "node:fs/promises";
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
});
