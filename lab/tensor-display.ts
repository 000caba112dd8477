/**
 * How a tensor shows itself as a cell's last value: its shape, a summary, and a corner of its values. One line of text for a terminal,
 * a small table for a notebook; never the whole of a capture.
 */
import { valueText } from "./text.js";

interface TensorData {
  readonly data: Float32Array;
  readonly dims: readonly string[];
  readonly size: Readonly<Record<string, number>>;
}
const ROWS = 6;
const COLUMNS = 8;

function summary({ data }: TensorData): string {
  if (data.length === 0) return "no values";
  let [least, most, sum, zeros, odd] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0, 0];
  for (const value of data) {
    if (!Number.isFinite(value)) odd++;
    if (value < least) least = value;
    if (value > most) most = value;
    if (value === 0) zeros++;
    sum += value;
  }
  const parts = [`min ${valueText(least)}`, `mean ${valueText(sum / data.length)}`, `max ${valueText(most)}`];
  if (zeros > 0) parts.push(`zeros ${((100 * zeros) / data.length).toFixed(1)} %`);
  if (odd > 0) parts.push(`${odd} not finite`);
  return parts.join(", ");
}

/** `layer 16 × token 5 × neuron 512` */
export function shapeText({ dims, size }: Omit<TensorData, "data">): string {
  return dims.length === 0 ? "one value" : dims.map((name) => `${name} ${size[name]}`).join(" × ");
}

export function tensorText(tensor: TensorData): string {
  const first = Array.from(tensor.data.subarray(0, COLUMNS), valueText).join(" ");
  const rest = tensor.data.length > COLUMNS ? " …" : "";
  if (tensor.data.length <= 1) return `Tensor ${shapeText(tensor)}: ${first}`;
  return `Tensor ${shapeText(tensor)} (${summary(tensor)}): ${first}${rest}`;
}

/** The first rows of the last two axes; the axes before them are at 0. */
export function tensorHtml(tensor: TensorData): string {
  const columns = tensor.size[tensor.dims.at(-1) ?? ""] ?? tensor.data.length;
  const rows = tensor.dims.length > 1 ? (tensor.size[tensor.dims.at(-2)!] ?? 1) : 1;
  const outer = tensor.dims.slice(0, -2).map((name) => `${name} 0`);
  const cells = (row: number) =>
    Array.from(
      tensor.data.subarray(row * columns, row * columns + Math.min(columns, COLUMNS)),
      (v) => `<td>${valueText(v)}</td>`,
    ).join("");
  const body =
    tensor.data.length === 0
      ? ""
      : Array.from(
          { length: Math.min(rows, ROWS) },
          (_, row) => `<tr>${cells(row)}${columns > COLUMNS ? "<td>…</td>" : ""}</tr>`,
        ).join("");
  const more = rows > ROWS ? `<tr><td>… ${rows - ROWS} more rows</td></tr>` : "";
  const where = outer.length > 0 ? ` · shown at ${outer.join(", ")}` : "";
  return `<div><b>Tensor</b> ${shapeText(tensor)}<br><small>${summary(tensor)}${where}</small><table>${body}${more}</table></div>`;
}
