/**
 * Values as json and csv can hold them. json: the record, with arrays of numbers as lists (float32 in their shortest form, NaN and infinities
 * as null). csv: one row for each record, nested names joined by dots; of a tensor, one row for each value.
 */
import { stringify } from "csv-stringify/sync";
import type { Values } from "../tensor.js";
import { floatText } from "../text.js";
import { isTensor, notPlain, recordOf, refuseNesting } from "./records.js";

/** The value as JSON can hold it; throws where something would be lost. */
export function plain(value: unknown, where: string, inside: readonly object[] = []): unknown {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (value instanceof Float32Array) return Array.from(value, (one) => (Number.isFinite(one) ? Number(floatText(one)) : null));
  if (ArrayBuffer.isView(value) && !(value instanceof DataView))
    return Array.from(value as Float64Array, (one, i) => plain(one, `${where}[${i}]`));
  refuseNesting(value, where, inside);
  const around = [...inside, value as object];
  if (Array.isArray(value)) return value.map((one, i) => plain(one, `${where}[${i}]`, around));
  if (isTensor(value)) return { dims: value.dims, size: value.size, data: plain(value.data, where) };
  const record = recordOf(value);
  if (!record) throw notPlain(value, where);
  return Object.fromEntries(record.map(([key, one]) => [key, plain(one, `${where}.${key}`, around)]));
}

export const jsonText = (value: object): string => `${JSON.stringify(plain(value, "value"), null, 1)}\n`;

export function csvText(value: object): string {
  const rows = isTensor(value)
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
