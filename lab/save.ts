/**
 * `save`: writes results to a file, in the format of its ending. json: the record, with arrays of numbers as lists (float32 in their
 * shortest form, NaN and infinities as null). csv: one row for each record, nested names joined by dots; of a tensor, one row for each value.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, extname, resolve } from "node:path";
import { stringify } from "csv-stringify/sync";
import { LabError } from "./errors.js";
import type { Checked, Loose } from "./literals.js";
import { refusePromise } from "./promised.js";
import { received } from "./received.js";
import type { Values } from "./tensor.js";
import { floatText } from "./text.js";

type SavePath = `${string}.${"json" | "csv"}`;

/**
 * Writes a report, points, a tensor, or any plain value. The path is relative to the notebook's folder.
 * @param path ends in .json or .csv; a missing folder is made, an existing file is replaced
 * @throws LabError invalid-option for another ending, and for values that are not plain data
 * @example
 * await save("results/points.csv", points);
 */
export async function save<const S extends Loose<SavePath>>(path: Checked<S, SavePath>, value: object): Promise<void> {
  refusePromise("save", value);
  if (typeof path !== "string") throw new LabError("invalid-option", `save needs the path of a file, received ${received(path)}`);
  const kind = extname(path).toLowerCase();
  if (kind === ".npz" || kind === ".gguf")
    throw new LabError("invalid-option", `save to "${kind}" is not available yet; use .json or .csv`);
  if (kind !== ".json" && kind !== ".csv")
    throw new LabError("invalid-option", `save writes .json and .csv; "${path}" is neither`);
  const text = kind === ".json" ? `${JSON.stringify(plain(value, "value"), null, 1)}\n` : csvText(value);
  const full = resolve(path);
  await mkdir(dirname(full), { recursive: true });
  await writeFile(full, text);
}

const isTensor = (value: object): value is Values => "dims" in value && "data" in value && value.data instanceof Float32Array;

/** The value as JSON can hold it; throws where something would be lost. */
export function plain(value: unknown, where: string): unknown {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (value instanceof Float32Array) return Array.from(value, (one) => (Number.isFinite(one) ? Number(floatText(one)) : null));
  if (ArrayBuffer.isView(value) && !(value instanceof DataView))
    return Array.from(value as Float64Array, (one, i) => plain(one, `${where}[${i}]`));
  if (Array.isArray(value)) return value.map((one, i) => plain(one, `${where}[${i}]`));
  if (typeof value === "object" && isTensor(value)) return { dims: value.dims, size: value.size, data: plain(value.data, where) };
  const prototype = typeof value === "object" ? Object.getPrototypeOf(value) : undefined;
  if (prototype !== Object.prototype && prototype !== null) {
    const found = typeof value === "object" ? `a ${(value as object).constructor?.name ?? "object"}` : `a ${typeof value}`;
    throw new LabError(
      "invalid-option",
      `save takes plain data (reports, points, tensors, numbers, texts); ${where} is ${found}`,
    );
  }
  return Object.fromEntries(
    Object.entries(value as object)
      .filter(([, one]) => one !== undefined)
      .map(([key, one]) => [key, plain(one, `${where}.${key}`)]),
  );
}

function csvText(value: object): string {
  const rows =
    typeof value === "object" && value !== null && isTensor(value)
      ? tensorRows(value)
      : (Array.isArray(value) ? value : [value]).map((one, i) => flat(plain(one, `value[${i}]`)));
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return stringify(
    rows.map((row) => columns.map((name) => row[name] ?? "")),
    { header: true, columns, cast: { boolean: (one) => String(one) } },
  );
}

/** { sparsity: { mean: 0.9 } } -> { "sparsity.mean": 0.9 } */
function flat(value: unknown, name = ""): Record<string, unknown> {
  if (typeof value !== "object" || value === null) return { [name || "value"]: value };
  return Object.assign({}, ...Object.entries(value).map(([key, one]) => flat(one, name ? `${name}.${key}` : key)));
}

function tensorRows({ data, dims, size }: Values): Record<string, unknown>[] {
  return Array.from(data, (one, i) => {
    const row: Record<string, unknown> = {};
    let span = data.length;
    let rest = i;
    for (const name of dims) {
      span /= size[name]!;
      row[name] = Math.floor(rest / span);
      rest %= span;
    }
    return { ...row, value: floatText(one) };
  });
}
