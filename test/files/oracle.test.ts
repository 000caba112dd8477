/**
 * The executor's checked header reader against an independent one (@huggingface/gguf) on good files: every key with its type, every tensor with
 * its shape and place. The reader of the test support is compared with both, since other tests use it.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { GGMLQuantizationType, GGUFValueType, gguf } from "@huggingface/gguf";
import { describe, expect, it } from "vitest";
import { callNative, type FileTable, type MetaValue } from "../../lab/native.js";
import { temporaryFolder } from "../support/folder.js";
import { type Meta, readGguf, strings, writeGguf } from "../support/gguf.js";
import { goldenFile, goldenModels, root } from "../support/golden.js";

const write = temporaryFolder();
const NAMES: Readonly<Record<string, string>> = {
  UINT8: "u8",
  INT8: "i8",
  UINT16: "u16",
  INT16: "i16",
  UINT32: "u32",
  INT32: "i32",
  FLOAT32: "f32",
  BOOL: "bool",
  STRING: "string",
  UINT64: "u64",
  INT64: "i64",
  FLOAT64: "f64",
};
const nameOf = (type: GGUFValueType): string => NAMES[GGUFValueType[type]!] ?? GGUFValueType[type]!;
// The oracle's own decoder drops a byte order mark; so does this one.
const lossy = new TextDecoder();

/** Our value as the oracle writes one: [type, element type, value]. */
function asOracle(value: MetaValue): readonly [string, string | undefined, unknown] {
  if (value.type === "strings") return ["ARRAY", "string", strings(value.value).map((bytes) => lossy.decode(bytes))];
  if (value.type === "numbers") {
    const wide = value.element === "u64" || value.element === "i64";
    const list = Array.from<number | bigint, unknown>(value.value, (n) =>
      value.element === "bool" ? n !== 0 : wide ? BigInt(n) : n,
    );
    return ["ARRAY", value.element, list];
  }
  if (value.type === "unread") return ["ARRAY", "array", undefined];
  return [value.type, undefined, value.value];
}

async function agree(path: string, ours: FileTable): Promise<void> {
  const theirs = await gguf(path, { allowLocalFile: true, typedMetadata: true });
  const keys = Object.entries(theirs.typedMetadata).filter(([key]) => !["version", "tensor_count", "kv_count"].includes(key));
  expect([...ours.metadata.keys()]).toEqual(keys.map(([key]) => key));
  for (const [key, entry] of keys) {
    const { value, type, subType } = entry as { value: unknown; type: GGUFValueType; subType?: GGUFValueType };
    expect(asOracle(ours.metadata.get(key)!), key).toEqual([
      nameOf(type),
      subType === undefined ? undefined : nameOf(subType),
      value,
    ]);
  }
  expect(ours.version).toBe(theirs.metadata.version);
  expect(ours.tensors.map(({ name, type, shape, offset }) => ({ name, type, shape, offset }))).toEqual(
    theirs.tensorInfos.map((t) => ({
      name: t.name,
      type: GGMLQuantizationType[t.dtype],
      shape: t.shape.map(Number),
      offset: Number(theirs.tensorDataOffset + t.offset),
    })),
  );
}

const models = join(root(), "notebooks", "models");
const vocabulary = gunzipSync(readFileSync(join(root(), "test", "golden", "tokenizer", "llama-spm.gguf.gz")));
const files: readonly (readonly [string, string])[] = [
  ...goldenModels().map((model) => [model.name, goldenFile(model)] as const),
  ...["tiny-world.q8_0.gguf", "tiny-world-dense.q8_0.gguf"].map((name) => [name, join(models, name)] as const),
  ["llama-spm", write("llama-spm.gguf", vocabulary)],
];

describe("the header reader agrees with @huggingface/gguf", () => {
  it.each(files)("on %s", async (name, path) => {
    const ours = await callNative((addon) => addon.readHeader(path));
    expect(ours.fileBytes).toBe(readFileSync(path).length);
    const { defaultActivation, copiedBytes, embeddingRows, ...header } = ours;
    expect(readGguf(path)).toEqual({ ...header, copiedBytes: 0 });
    const downs = ours.tensors.filter(({ name }) => name.endsWith("ffn_down.weight"));
    expect(copiedBytes).toBe(downs.reduce((sum, { bytes }) => sum + bytes, 0));
    expect(embeddingRows).toBe(ours.tensors.find(({ name }) => name === "token_embd.weight")?.shape[1]);
    expect(defaultActivation?.kind).toBe(ours.magic === "PWRI" ? "relu" : "silu");
    // The oracle knows one magic: a PowerInfer file is passed to it as a GGUF twin.
    const bytes = new Uint8Array(readFileSync(path));
    expect(ours.magic).toBe(Buffer.from(bytes.subarray(0, 4)).toString());
    bytes.set(Buffer.from("GGUF"));
    await agree(ours.magic === "PWRI" ? write(`${name}-twin.gguf`, bytes) : path, ours);
  });

  it("on every type of value", async () => {
    const metadata = new Map<string, Meta>([
      ["general.alignment", { type: "u32", value: 64 }],
      ["a.u8", { type: "u8", value: 255 }],
      ["a.i8", { type: "i8", value: -128 }],
      ["a.u16", { type: "u16", value: 65535 }],
      ["a.i16", { type: "i16", value: -32768 }],
      ["a.u32", { type: "u32", value: 4294967295 }],
      ["a.i32", { type: "i32", value: -2147483648 }],
      ["a.f32", { type: "f32", value: Math.fround(0.1) }],
      ["a.f64", { type: "f64", value: 0.1 }],
      ["a.u64", { type: "u64", value: 2n ** 64n - 1n }],
      ["a.i64", { type: "i64", value: -(2n ** 63n) }],
      ["a.bool", { type: "bool", value: false }],
      ["a.text", { type: "string", value: "é\n漢🦙" }],
      ["a.empty", { type: "string", value: "" }],
      ["a.strings", { type: "strings", value: ["", "a", "漢"] }],
      ["a.nothing", { type: "strings", value: [] }],
      ["a.no numbers", { type: "numbers", element: "i32", value: [] }],
      ["a.bools", { type: "numbers", element: "bool", value: [1, 0] }],
      ["a.u64s", { type: "numbers", element: "u64", value: [0, 2 ** 53 - 1] }],
      ["a.i8s", { type: "numbers", element: "i8", value: [-1, 127] }],
      ["a.f64s", { type: "numbers", element: "f64", value: [0.1, 1e300] }],
    ]);
    const tensors = [
      { name: "one", shape: [3], type: "F32" as const, data: [1, 2, 3] },
      { name: "two", shape: [32, 2, 1], type: "Q8_0" as const, data: new Float32Array(64) },
      { name: "three", shape: [5, 2], type: "F16" as const, data: new Float32Array(10) },
    ];
    for (const version of [2, 3] as const) {
      const path = write(`every-type-${version}.gguf`, writeGguf({ metadata, tensors, alignment: 64, version }));
      const ours = await callNative((addon) => addon.readHeader(path));
      expect(readGguf(path)).toEqual(ours);
      await agree(path, ours);
    }
  });

  it("and keeps the bytes that the oracle loses: a piece that is a byte order mark, pieces of invalid UTF-8", async () => {
    const value = ["\ufeff", Uint8Array.of(0xff, 0x80), "\ufeffa"];
    const path = write("bytes.gguf", writeGguf({ metadata: new Map([["t", { type: "strings", value }]]) }));
    const table = await callNative((addon) => addon.readHeader(path));
    const found = table.metadata.get("t")!;
    expect(found.type === "strings" && strings(found.value).map((bytes) => [...bytes])).toEqual([
      [0xef, 0xbb, 0xbf],
      [0xff, 0x80],
      [0xef, 0xbb, 0xbf, 0x61],
    ]);
  });
});
