/**
 * safetensors: the length of a JSON header in 8 bytes, the header, the arrays one after the other. Texts stand in the header's
 * `__metadata__`, a list of them as JSON; the axes of a tensor "x" are the text "x.dims".
 */
import { LabError } from "../errors.js";
import { type Arrays, axesOf, type ElementType } from "./arrays.js";

const DTYPE: Readonly<Record<ElementType, string>> = {
  f32: "F32",
  f64: "F64",
  i8: "I8",
  u8: "U8",
  i16: "I16",
  u16: "U16",
  i32: "I32",
  u32: "U32",
  i64: "I64",
  u64: "U64",
  bool: "BOOL",
};
const PIECE = 1 << 24;

export async function writeSafetensors({ arrays, texts }: Arrays, write: (piece: Uint8Array) => Promise<void>): Promise<void> {
  const metadata = Object.fromEntries([
    ...texts.map(({ name, text }) => [name, typeof text === "string" ? text : JSON.stringify(text)]),
    ...axesOf(arrays).map(({ name, text }) => [name, JSON.stringify(text)]),
  ]);
  if (arrays.some(({ name }) => name === "__metadata__"))
    throw new LabError("invalid-option", 'a safetensors file keeps "__metadata__" for itself; give the array another name');
  // The widest elements first: each array then starts at a multiple of its element's size.
  const width = (type: ElementType) => (type === "bool" ? 1 : Number(type.slice(1)) / 8);
  const ordered = [...arrays].sort((a, b) => width(b.type) - width(a.type));
  let at = 0;
  // Any name becomes a key of its own there, also "__proto__".
  const entries: [string, unknown][] = Object.keys(metadata).length > 0 ? [["__metadata__", metadata]] : [];
  for (const { name, type, shape, bytes } of ordered) {
    entries.push([name, { dtype: DTYPE[type], shape, data_offsets: [at, at + bytes.length] }]);
    at += bytes.length;
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const padded = new Uint8Array(8 + 8 * Math.ceil(text.length / 8)).fill(0x20);
  new DataView(padded.buffer).setBigUint64(0, BigInt(padded.length - 8), true);
  padded.set(text, 8);
  await write(padded);
  for (const { bytes } of ordered)
    for (let from = 0; from < bytes.length; from += PIECE) await write(bytes.slice(from, from + PIECE));
}
