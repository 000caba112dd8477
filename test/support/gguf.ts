/**
 * Writes GGUF and PWRI files for tests, with any metadata and tensors, good ones and (through raw fields) bad ones, and reads
 * a header back into a FileTable without the native addon. The reader trusts the file: it is for files that tests wrote or that ship
 * with the project; other files go through the checked reader in native/gguf/.
 */
import { readFileSync } from "node:fs";
import type { FileTable, FileTensor, MetaValue, NumberArray, StringTable } from "../../lab/native.js";
import { BLOCKS } from "./blocks.js";
import { encodeF16, encodeF32, encodeQ8_0 } from "./quant.js";

const TYPES = ["u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"] as const;
type ScalarName = (typeof TYPES)[number];
const SIZE: Partial<Record<ScalarName, number>> = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  bool: 1,
  u64: 8,
  i64: 8,
  f64: 8,
};
/** Number in the file, values of a block, bytes of a block. */
const WEIGHTS: Readonly<Record<string, readonly [number, number, number]>> = {
  F32: [0, 1, 4],
  F16: [1, 1, 2],
  I32: [26, 1, 4],
  BF16: [30, 1, 2],
  ...Object.fromEntries(Object.entries(BLOCKS).map(([name, type]) => [name, [type.number, type.values, type.bytes] as const])),
};

export type Text = string | Uint8Array;
export type Meta =
  | { readonly type: Exclude<ScalarName, "array" | "string" | "bool" | "u64" | "i64">; readonly value: number }
  | { readonly type: "u64" | "i64"; readonly value: bigint }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "string"; readonly value: Text }
  | { readonly type: "strings"; readonly value: readonly Text[] }
  | {
      readonly type: "numbers";
      readonly element: Exclude<ScalarName, "array" | "string">;
      readonly value: readonly (number | bigint)[];
    }
  /** Arrays in an array. */
  | { readonly type: "arrays"; readonly value: readonly ArrayMeta[] };

export interface TensorSpec {
  readonly name: string;
  /** In the file's order: shape[0] is the row length. */
  readonly shape: readonly number[];
  /** The type in which `data` is encoded; with `raw`, any type by its number in the file. */
  readonly type: "F32" | "F16" | "Q8_0" | number;
  readonly data?: ArrayLike<number>;
  /** The tensor's bytes in the file, whatever the shape. */
  readonly raw?: Uint8Array;
  /** The offset from the start of the data. Default: after the previous tensor. */
  readonly offset?: number;
}
export interface GgufSpec {
  readonly magic?: "GGUF" | "PWRI";
  readonly version?: 2 | 3;
  readonly alignment?: number;
  readonly metadata: ReadonlyMap<string, Meta>;
  readonly tensors?: readonly TensorSpec[];
}

/** A growing buffer. */
class Bytes {
  private parts: Uint8Array[] = [];
  length = 0;
  raw(bytes: Uint8Array): this {
    this.parts.push(bytes);
    this.length += bytes.length;
    return this;
  }
  number(type: ScalarName, value: number | bigint): this {
    const out = new Uint8Array(SIZE[type]!);
    const view = new DataView(out.buffer);
    if (type === "u8" || type === "bool") view.setUint8(0, Number(value));
    else if (type === "i8") view.setInt8(0, Number(value));
    else if (type === "u16") view.setUint16(0, Number(value), true);
    else if (type === "i16") view.setInt16(0, Number(value), true);
    else if (type === "u32") view.setUint32(0, Number(value), true);
    else if (type === "i32") view.setInt32(0, Number(value), true);
    else if (type === "f32") view.setFloat32(0, Number(value), true);
    else if (type === "f64") view.setFloat64(0, Number(value), true);
    else if (type === "u64") view.setBigUint64(0, BigInt(value), true);
    else view.setBigInt64(0, BigInt(value), true);
    return this.raw(out);
  }
  text(value: Text): this {
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
    return this.number("u64", bytes.length).raw(bytes);
  }
  pad(alignment: number): this {
    return this.raw(new Uint8Array((alignment - (this.length % alignment)) % alignment));
  }
  done(): Uint8Array {
    const out = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }
}

type ArrayMeta = Extract<Meta, { type: "strings" | "numbers" | "arrays" }>;

/** An array's element type, count and elements. */
function writeArray(out: Bytes, meta: ArrayMeta): void {
  const element = meta.type === "strings" ? "string" : meta.type === "arrays" ? "array" : meta.element;
  out.number("u32", TYPES.indexOf(element)).number("u64", meta.value.length);
  if (meta.type === "strings") for (const text of meta.value) out.text(text);
  else if (meta.type === "arrays") for (const inner of meta.value) writeArray(out, inner);
  else for (const value of meta.value) out.number(meta.element, value);
}

function writeMeta(out: Bytes, key: string, meta: Meta): void {
  out.text(key);
  if (meta.type === "strings" || meta.type === "numbers" || meta.type === "arrays") {
    out.number("u32", TYPES.indexOf("array"));
    writeArray(out, meta);
  } else {
    out.number("u32", TYPES.indexOf(meta.type));
    if (meta.type === "string") out.text(meta.value);
    else out.number(meta.type, meta.type === "bool" ? Number(meta.value) : meta.value);
  }
}

const encoders = { F32: encodeF32, F16: encodeF16, Q8_0: encodeQ8_0 };

/** A whole file. */
export function writeGguf(spec: GgufSpec): Uint8Array {
  const alignment = spec.alignment ?? 32;
  const tensors = spec.tensors ?? [];
  const out = new Bytes();
  out.raw(new TextEncoder().encode(spec.magic ?? "GGUF")).number("u32", spec.version ?? 3);
  out.number("u64", tensors.length).number("u64", spec.metadata.size);
  for (const [key, meta] of spec.metadata) writeMeta(out, key, meta);
  const data = tensors.map((t) => {
    if (t.raw) return t.raw;
    if (typeof t.type === "number" || !t.data)
      throw new Error(`tensor ${t.name}: expected raw bytes, or data and a type to encode it in`);
    return encoders[t.type](t.data);
  });
  let offset = 0;
  tensors.forEach((tensor, i) => {
    out.text(tensor.name).number("u32", tensor.shape.length);
    for (const n of tensor.shape) out.number("u64", n);
    out.number("u32", typeof tensor.type === "number" ? tensor.type : WEIGHTS[tensor.type]![0]);
    out.number("u64", tensor.offset ?? offset);
    offset += Math.ceil(data[i]!.length / alignment) * alignment;
  });
  out.pad(alignment);
  for (const bytes of data) out.raw(bytes).pad(alignment);
  return out.done();
}

/** The contents of a file in the form that `writeGguf` takes, tensors as raw bytes, to change one thing and write it again. */
export function specOf(bytes: Uint8Array): Required<Omit<GgufSpec, "alignment">> & { readonly metadata: Map<string, Meta> } {
  const table = readGguf("", bytes);
  const metadata = new Map<string, Meta>();
  for (const [key, value] of table.metadata) {
    if (value.type === "strings") metadata.set(key, { type: "strings", value: strings(value.value) });
    else if (value.type === "numbers") metadata.set(key, { ...value, value: Array.from<number | bigint>(value.value) } as Meta);
    else if (value.type !== "unread") metadata.set(key, value);
  }
  const tensors = table.tensors.map(({ name, shape, type, offset, bytes: size }) => ({
    name,
    shape,
    type: WEIGHTS[type]![0],
    raw: bytes.subarray(offset, offset + size),
  }));
  return { magic: table.magic, version: table.version as 2 | 3, metadata, tensors };
}

/** Numbers in an array of their own element type, as the native reader hands them over. */
export function numberArray(element: string, values: readonly (number | bigint)[]): NumberArray {
  if (element === "u64") return BigUint64Array.from(values, BigInt);
  if (element === "i64") return BigInt64Array.from(values, BigInt);
  const kinds: Readonly<Record<string, { from(values: Iterable<number>): NumberArray }>> = {
    u8: Uint8Array,
    bool: Uint8Array,
    i8: Int8Array,
    u16: Uint16Array,
    i16: Int16Array,
    u32: Uint32Array,
    i32: Int32Array,
    f32: Float32Array,
    f64: Float64Array,
  };
  return kinds[element]!.from(values.map(Number));
}

/** The strings one by one. */
export const strings = ({ bytes, offsets }: StringTable): Uint8Array[] =>
  Array.from({ length: offsets.length - 1 }, (_, i) => bytes.subarray(offsets[i]!, offsets[i + 1]!));

/** The strings as the native reader hands them over. */
export function stringTable(texts: readonly Text[]): StringTable {
  const parts = texts.map((text) => (typeof text === "string" ? new TextEncoder().encode(text) : text));
  const offsets = new Float64Array(parts.length + 1);
  parts.forEach((part, i) => {
    offsets[i + 1] = offsets[i]! + part.length;
  });
  const bytes = new Uint8Array(offsets[parts.length]!);
  parts.forEach((part, i) => {
    bytes.set(part, offsets[i]!);
  });
  return { bytes, offsets };
}

/** The header of a good file. */
export function readGguf(path: string, bytes: Uint8Array = readFileSync(path)): FileTable {
  // 1. How values are read.
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 4;
  const step = (bytes: number) => {
    at += bytes;
    return at - bytes;
  };
  const u32 = () => view.getUint32(step(4), true);
  const u64 = () => Number(view.getBigUint64(step(8), true));
  const raw = () => {
    const length = u64();
    const from = step(length);
    return bytes.subarray(from, at);
  };
  const text = () => new TextDecoder("utf-8", { ignoreBOM: true }).decode(raw());
  const number = (type: ScalarName): number | bigint => {
    const from = step(SIZE[type]!);
    if (type === "u8" || type === "bool") return view.getUint8(from);
    if (type === "i8") return view.getInt8(from);
    if (type === "u16") return view.getUint16(from, true);
    if (type === "i16") return view.getInt16(from, true);
    if (type === "u32") return view.getUint32(from, true);
    if (type === "i32") return view.getInt32(from, true);
    if (type === "f32") return view.getFloat32(from, true);
    if (type === "f64") return view.getFloat64(from, true);
    return type === "u64" ? view.getBigUint64(from, true) : view.getBigInt64(from, true);
  };
  // 2. Counts and keys.
  const magic = new TextDecoder().decode(bytes.subarray(0, 4)) as "GGUF" | "PWRI";
  const version = u32();
  const tensorCount = u64();
  const metaCount = u64();
  const metadata = new Map<string, MetaValue>();
  for (let i = 0; i < metaCount; i++) {
    const key = text();
    const type = TYPES[u32()]!;
    if (type === "string") metadata.set(key, { type, value: text() });
    else if (type === "bool") metadata.set(key, { type, value: number(type) !== 0 });
    else if (type === "array") {
      const element = TYPES[u32()]!;
      const length = u64();
      if (element === "string") metadata.set(key, { type: "strings", value: stringTable(Array.from({ length }, raw)) });
      else
        metadata.set(key, {
          type: "numbers",
          element,
          value: numberArray(
            element,
            Array.from({ length }, () => number(element)),
          ),
        });
    } else metadata.set(key, { type, value: number(type) } as MetaValue);
  }
  // 3. Tensors.
  const infos = Array.from({ length: tensorCount }, () => {
    const name = text();
    const shape = Array.from({ length: u32() }, u64);
    return { name, shape, type: u32(), offset: u64() };
  });
  const alignment = metadata.get("general.alignment");
  const unit = alignment?.type === "u32" ? alignment.value : 32;
  const data = Math.ceil(at / unit) * unit;
  const tensors: FileTensor[] = infos.map(({ name, shape, type, offset }) => {
    const [label, block, size] = Object.entries(WEIGHTS)
      .map(([key, [id, ...rest]]) => (id === type ? ([key, ...rest] as const) : undefined))
      .find((found) => found) ?? [`type ${type}`, 1, 0];
    return { name, shape, type: label, part: 0, offset: data + offset, bytes: (shape.reduce((a, b) => a * b, 1) / block) * size };
  });
  // As for an unknown architecture: nothing is copied.
  return {
    copiedBytes: 0,
    path,
    parts: [path],
    magic,
    version,
    fileBytes: bytes.length,
    metadata,
    tensors,
  };
}
