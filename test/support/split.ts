/** Writes a model as the parts of a split one, NAME-00001-of-00003.gguf and so on, as llama.cpp's gguf-split does. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type GgufSpec, type Meta, specOf, type TensorSpec, writeGguf } from "./gguf.js";

export interface Split {
  readonly parts: number;
  /** The first part holds no tensors. */
  readonly keysApart?: boolean;
  /** Changes a part, which is written then, or gives another to write. `i` counts from 0. */
  readonly change?: (spec: { metadata: Map<string, Meta>; tensors: readonly TensorSpec[] }, i: number) => GgufSpec | undefined;
}

export const partName = (name: string, i: number, parts: number): string =>
  `${name}-${String(i + 1).padStart(5, "0")}-of-${String(parts).padStart(5, "0")}.gguf`;

/** Splits the file at `path` into files of `folder`; their paths in order. */
export function writeSplit(path: string, folder: string, name: string, { parts, keysApart = false, change }: Split): string[] {
  const { magic, version, metadata, tensors } = specOf(new Uint8Array(readFileSync(path)));
  const own = keysApart ? parts - 1 : parts;
  const each = Math.ceil(tensors.length / own);
  return Array.from({ length: parts }, (_, i) => {
    const at = keysApart ? i - 1 : i;
    const part = {
      magic,
      version,
      metadata: new Map<string, Meta>([
        ...(i === 0 ? metadata : []),
        ["split.no", { type: "u16", value: i }],
        ["split.count", { type: "u16", value: parts }],
        ["split.tensors.count", { type: "i32", value: tensors.length }],
      ]),
      tensors: at < 0 ? [] : tensors.slice(at * each, (at + 1) * each),
    };
    const file = join(folder, partName(name, i, parts));
    writeFileSync(file, writeGguf(change?.(part, i) ?? part));
    return file;
  });
}
