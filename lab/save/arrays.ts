/**
 * Values as named arrays, which is what npz and safetensors hold: { sparsity: { mean: 0.9 } } is an array "sparsity.mean" without axes. A
 * tensor keeps its bits; the names of its axes stand beside it.
 */
import { LabError } from "../errors.js";
import { isTensor, notPlain, recordOf, refuseNesting } from "./records.js";

export type ElementType = "f32" | "f64" | "i8" | "u8" | "i16" | "u16" | "i32" | "u32" | "i64" | "u64" | "bool";

export interface NamedArray {
  readonly name: string;
  readonly type: ElementType;
  /** Empty for a single number. */
  readonly shape: readonly number[];
  /** Row-major, little-endian. */
  readonly bytes: Uint8Array;
  /** The names of a tensor's axes. */
  readonly dims?: readonly string[];
}
/** Texts have no place among arrays of numbers: each format keeps them in its own way. */
export interface NamedText {
  readonly name: string;
  readonly text: string | readonly string[];
}
export interface Arrays {
  readonly arrays: readonly NamedArray[];
  readonly texts: readonly NamedText[];
}

/** By the name of the array's kind, which a subclass such as Buffer shares. */
const typeOf: Readonly<Record<string, ElementType>> = {
  Float32Array: "f32",
  Float64Array: "f64",
  Int8Array: "i8",
  Uint8Array: "u8",
  Uint8ClampedArray: "u8",
  Int16Array: "i16",
  Uint16Array: "u16",
  Int32Array: "i32",
  Uint32Array: "u32",
  BigInt64Array: "i64",
  BigUint64Array: "u64",
};
const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) => new Uint8Array(buffer, byteOffset, byteLength);

/** A value as arrays; one that is itself an array is called "data". Throws where something would be lost. */
export function namedArrays(value: unknown): Arrays {
  const arrays: NamedArray[] = [];
  const texts: NamedText[] = [];
  const inside: object[] = [];
  const add = (one: unknown, name: string): void => {
    const own = name || "data";
    refuseNesting(one, own, inside);
    const put = (type: ElementType, shape: readonly number[], view: ArrayBufferView, dims?: readonly string[]) =>
      arrays.push({ name: own, type, shape, bytes: bytesOf(view), ...(dims && { dims }) });
    if (isTensor(one))
      return void put(
        "f32",
        one.dims.map((axis) => one.size[axis]!),
        one.data,
        one.dims,
      );
    if (ArrayBuffer.isView(one)) {
      const type = typeOf[(one as Uint8Array)[Symbol.toStringTag]];
      if (!type) throw notPlain(one, own);
      // The bytes of an array that was given to a worker are there, not here.
      if (isDetached(one)) throw new LabError("invalid-option", `${own} was transferred elsewhere and has no values any more`);
      return void put(type, [(one as Float32Array).length], one);
    }
    if (typeof one === "number") return void put("f64", [], Float64Array.of(one));
    if (typeof one === "boolean") return void put("bool", [], Uint8Array.of(Number(one)));
    if (typeof one === "string") return void addText(own, one);
    if (one === null)
      throw new LabError("invalid-option", `${own} is null, which arrays cannot hold; leave it out, or save as .json`);
    inside.push(one as object);
    if (Array.isArray(one)) addList(one, name);
    else {
      const record = recordOf(one);
      if (!record) throw notPlain(one, own);
      for (const [key, part] of record) add(part, name ? `${name}.${key}` : key);
    }
    inside.pop();
  };
  const addText = (name: string, text: string | readonly string[]): void => {
    for (const one of typeof text === "string" ? [text] : text) refuseHalves(one, `the text "${name}"`);
    texts.push({ name, text });
  };
  /** Lists of numbers and of texts stay one array; the parts of any other list are numbered. */
  const addList = (list: readonly unknown[], name: string): void => {
    const own = name || "data";
    if (list.every((part) => typeof part === "number"))
      return void arrays.push({ name: own, type: "f64", shape: [list.length], bytes: bytesOf(Float64Array.from(list)) });
    if (list.every((part) => typeof part === "string")) return void addText(own, list);
    for (const [i, part] of list.entries()) add(part, name ? `${name}.${i}` : `${i}`);
  };
  add(value, "");
  const names = new Set<string>();
  for (const name of [...arrays, ...texts].map((one) => one.name).concat(axesOf(arrays).map((one) => one.name))) {
    refuseHalves(name, "a name");
    if (names.has(name))
      throw new LabError(
        "invalid-option",
        `two values are called "${name}"; a key with a dot in it looks like a nested one, and the axes of a tensor "x" are "x.dims"`,
      );
    names.add(name);
  }
  return { arrays: copied(arrays), texts };
}

/** The names of tensors' axes, as the texts that both formats keep them as. */
export function axesOf(arrays: readonly NamedArray[]): readonly { readonly name: string; readonly text: readonly string[] }[] {
  return arrays.flatMap(({ name, dims }) => (dims ? [{ name: `${name}.dims`, text: dims }] : []));
}

/** Files hold UTF-8, in which half of a surrogate pair has no form. */
function refuseHalves(text: string, what: string): void {
  const at = text.search(/\p{Surrogate}/u);
  if (at >= 0)
    throw new LabError(
      "invalid-option",
      `${what} holds half of a character (at ${at}), which no file can; text.toWellFormed() replaces it`,
    );
}

/** An array of length 0 may be whole. */
function isDetached(view: ArrayBufferView): boolean {
  try {
    return view.byteLength === 0 && !new Uint8Array(view.buffer);
  } catch {
    return true;
  }
}

/**
 * Writing takes its time, in which the caller may change a value: arrays are copied first. More than this would stop everything else for
 * too long; the docstring of `save` says so.
 */
const COPIED = 64 * 2 ** 20;
function copied(arrays: readonly NamedArray[]): readonly NamedArray[] {
  if (arrays.reduce((sum, { bytes }) => sum + bytes.length, 0) > COPIED) return arrays;
  return arrays.map((one) => ({ ...one, bytes: one.bytes.slice() }));
}
