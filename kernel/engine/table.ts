/** Arrays of records as an HTML table: `[{ t: 0.01, kl: 0.2 }, …]`, such as the points of a sweep or the rows of a file. */
import { types } from "node:util";
import { inspect } from "./intrinsics.js";

/** Most rows, columns and characters of a cell; the table says how many rows and columns are left out. */
const ROWS = 100;
const COLUMNS = 30;
const CELL = 200;

type Row = Readonly<Record<string, unknown>>;

const isValue = (value: unknown): boolean => value === null || typeof value !== "object" || types.isDate(value);

/** Whether it is a plain object whose properties are all values. Getters are not called. */
function isRecord(row: unknown): row is Row {
  if (row === null || typeof row !== "object" || types.isProxy(row)) return false;
  const parent = Object.getPrototypeOf(row) as object | null;
  // An object of another realm has that realm's Object.prototype.
  if (parent !== null && (Object.getPrototypeOf(parent) !== null || !Object.hasOwn(parent, "hasOwnProperty"))) return false;
  if (Object.getOwnPropertySymbols(row).length) return false;
  return Object.values(Object.getOwnPropertyDescriptors(row)).every((p) => "value" in p && isValue(p.value));
}

/** The table's HTML; undefined where the value is not an array of records. */
export function tableOf(value: unknown): string | undefined {
  if (types.isProxy(value) || !Array.isArray(value) || value.length === 0) return undefined;
  for (let i = 0; i < value.length; i++) if (!(i in value)) return undefined;
  if (!value.every(isRecord)) return undefined;
  const names = new Set<string>();
  for (const row of value) for (const name of Object.keys(row)) names.add(name);
  if (names.size === 0) return undefined;
  const columns = [...names].slice(0, COLUMNS);
  const head = columns.map((c) => `<th>${escaped(c)}</th>`).join("");
  const body = value.slice(0, ROWS).map((row, i) => `<tr><th>${i}</th>${columns.map((c) => cell(row, c)).join("")}</tr>`);
  const left: string[] = [];
  if (value.length > ROWS) left.push(`${value.length - ROWS} more rows`);
  if (names.size > COLUMNS) left.push(`${names.size - COLUMNS} more columns`);
  const more = left.length ? `\n<p>${left.join(", ")}</p>` : "";
  return `<table>\n<thead><tr><th></th>${head}</tr></thead>\n<tbody>\n${body.join("\n")}\n</tbody>\n</table>${more}`;
}

function cell(row: Row, name: string): string {
  if (!Object.hasOwn(row, name)) return "<td></td>";
  const value = row[name];
  const text = typeof value === "string" ? value : inspect(value, { depth: 0 });
  const cut = text.length > CELL ? `${text.slice(0, CELL)}…` : text;
  const align =
    typeof value === "number" || typeof value === "bigint" ? ' style="text-align: right"' : ' style="text-align: left"';
  return `<td${align}>${escaped(cut)}</td>`;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escaped = (text: string): string => text.replace(/[&<>"']/g, (c) => ENTITIES[c]!);
