/**
 * npz: a zip of npy files, which `numpy.load` reads. Texts are arrays of unicode strings; the axes of a tensor "x" are the texts "x.dims".
 * Nothing is compressed: numbers of float32 hardly shrink, and a file without compression is written and read at the disk's speed.
 */
import { Zip, ZipPassThrough } from "fflate";
import { LabError } from "../errors.js";
import { type Arrays, axesOf, type ElementType, type NamedArray, type NamedText } from "./arrays.js";

const DESCR: Readonly<Record<ElementType, string>> = {
  f32: "<f4",
  f64: "<f8",
  i8: "|i1",
  u8: "|u1",
  i16: "<i2",
  u16: "<u2",
  i32: "<i4",
  u32: "<u4",
  i64: "<i8",
  u64: "<u8",
  bool: "|b1",
};
/** Sizes in a zip without its extension for large files are 32 bits. */
const MOST = 2 ** 32 - 1;
const LONGEST_NAME = 2 ** 16 - 1;
const PIECE = 1 << 20;

/** The header of an npy file, version 1.0: padded so that the data starts at a multiple of 64. */
function npyHeader(descr: string, shape: readonly number[]): Uint8Array {
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.map((n) => `${n},`).join(" ")}), }`;
  const padded = dict.padEnd(64 * Math.ceil((10 + dict.length + 1) / 64) - 11);
  const bytes = new Uint8Array(10 + padded.length + 1);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]); // \x93NUMPY 1.0
  new DataView(bytes.buffer).setUint16(8, padded.length + 1, true);
  bytes.set(new TextEncoder().encode(`${padded}\n`), 10);
  return bytes;
}

/** Texts as numpy stores them: UTF-32, each as long as the longest. */
function npyText({ text }: NamedText): [Uint8Array, Uint8Array] {
  const list = typeof text === "string" ? [text] : text;
  const points = list.map((one) => Array.from(one, (character) => character.codePointAt(0)!));
  const width = Math.max(1, ...points.map(({ length }) => length));
  const data = new Uint32Array(list.length * width);
  for (const [i, one] of points.entries()) data.set(one, i * width);
  return [npyHeader(`<U${width}`, typeof text === "string" ? [] : [list.length]), new Uint8Array(data.buffer)];
}

/** At least as many bytes as its array has. */
function textBytes({ text }: NamedText): number {
  const list = typeof text === "string" ? [text] : text;
  return 4 * list.length * list.reduce((most, { length }) => Math.max(most, length), 1);
}

/** Writes the file through `write`, in pieces of at most 1 MiB, so that other work can go on between them. */
export async function writeNpz({ arrays, texts }: Arrays, write: (piece: Uint8Array) => Promise<void>): Promise<void> {
  const words = [...texts, ...axesOf(arrays)];
  for (const { name } of [...arrays, ...words]) {
    const { length } = new TextEncoder().encode(`${name}.npy`);
    if (length > LONGEST_NAME)
      throw new LabError(
        "invalid-option",
        `the name "${name.slice(0, 60)}…" has ${length - 4} bytes; an .npz holds names up to ${LONGEST_NAME - 4}`,
      );
  }
  const total = arrays.reduce((sum, { bytes }) => sum + bytes.length, 0) + words.reduce((sum, one) => sum + textBytes(one), 0);
  if (total > MOST - 2 ** 20) {
    throw new LabError(
      "invalid-option",
      `an .npz holds up to 4 GiB, and these arrays have ${total} bytes (each text of a list takes the room of the longest); ` +
        "save them as .safetensors",
    );
  }
  const waiting: Uint8Array[] = [];
  let failed: Error | undefined;
  const zip = new Zip((error, piece) => {
    if (error) failed = error;
    else waiting.push(piece);
  });
  const flush = async () => {
    if (failed) throw failed;
    for (const piece of waiting.splice(0)) await write(piece);
  };
  const entry = async (name: string, header: Uint8Array, bytes: Uint8Array) => {
    const file = new ZipPassThrough(`${name}.npy`);
    zip.add(file);
    file.push(header, bytes.length === 0);
    for (let from = 0; from < bytes.length; from += PIECE) {
      file.push(bytes.slice(from, from + PIECE), from + PIECE >= bytes.length);
      await flush();
    }
  };
  for (const { name, type, shape, bytes } of arrays as readonly NamedArray[])
    await entry(name, npyHeader(DESCR[type], shape), bytes);
  for (const text of words) await entry(text.name, ...npyText(text));
  zip.end();
  await flush();
}
