/** Values as text, for messages and tables: counts, bytes, numbers, and text inside HTML. */

/** 1 -> "1 token", 2 -> "2 tokens" */
export const countText = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

/** 1536 -> "1.5 KiB" */
export function bytesText(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return unit === 0 ? `${value} bytes` : `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** The shortest decimal that is this float32: 0.029999999329447746 -> "0.03". */
export function floatText(value: number): string {
  const float = Math.fround(value);
  for (let digits = 1; digits <= 9; digits++) {
    const text = float.toPrecision(digits);
    if (Math.fround(Number(text)) === float) return String(Number(text));
  }
  return String(value);
}

/** A value in at most five significant digits. */
export function valueText(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  return size >= 1e-4 && size < 1e6 ? String(Number(value.toPrecision(5))) : value.toExponential(3);
}

/** Text inside HTML: `a<b` -> `a&lt;b`. */
export const htmlText = (text: string): string => text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]!);
