/** Reads keys of a file's header. A key of the wrong type is an error that names it; a guessed value would give wrong numbers later. */
import { LabError } from "./errors.js";
import type { FileTable, MetaValue } from "./native.js";
import { bytesText } from "./text.js";

function wrongType(table: FileTable, key: string, expected: string, found: MetaValue): LabError {
  return new LabError("bad-file", `key "${key}" of ${table.path} must be ${expected}, found ${describeValue(found)}`);
}

/** A value in words, for an error: "a value of type u32", "an array of f32", "a string of 600 MiB, more than is read". */
export function describeValue(value: MetaValue | undefined): string {
  if (value === undefined) return "no such key";
  if (value.type === "strings") return "an array of strings";
  if (value.type === "numbers") return `an array of ${value.element}`;
  if (value.type !== "unread") return `a value of type ${value.type}`;
  if (value.what === "an array of arrays") return value.what;
  return `${value.what} of ${bytesText(value.bytes)}, more than is read`;
}

export function text(table: FileTable, key: string): string | undefined {
  const found = table.metadata.get(key);
  if (found === undefined) return undefined;
  if (found.type !== "string") throw wrongType(table, key, "a string", found);
  return found.value;
}

export function number(table: FileTable, key: string): number | undefined {
  const found = table.metadata.get(key);
  if (found === undefined) return undefined;
  if (found.type !== "unread") {
    if (typeof found.value === "number") return found.value;
    if (typeof found.value === "bigint") return Number(found.value);
  }
  throw wrongType(table, key, "a number", found);
}

/** One number for all layers, or an array of `layers` numbers. */
export function perLayerNumbers(table: FileTable, key: string, layers: number): number | readonly number[] | undefined {
  const found = table.metadata.get(key);
  if (found === undefined || found.type === "f32" || found.type === "f64") return found?.value;
  if (found.type !== "numbers" || (found.element !== "f32" && found.element !== "f64"))
    throw wrongType(table, key, "a float32 or an array of float32", found);
  if (found.value.length !== layers) {
    throw new LabError("bad-file", `key "${key}" of ${table.path} has ${found.value.length} values for ${layers} layers`);
  }
  return Array.from(found.value, Number);
}

export const architecture = (table: FileTable): string => text(table, "general.architecture") ?? "";
/** `general.name`, or the file's own name without its folder and ending. */
export function modelName(table: FileTable): string {
  return text(table, "general.name") || fileName(table).replace(/\.(gguf|bin)$/i, "");
}
export const fileName = (table: FileTable): string => table.path.split(/[\\/]/).at(-1) ?? table.path;
