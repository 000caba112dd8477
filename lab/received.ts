/**
 * A received value in a few words, for error messages. Any value can be passed as an option, even one that `String` or JSON refuses (a
 * symbol, a bigint, an object without a prototype, a proxy), so this never throws.
 */
export function received(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.length > 60 ? `${value.slice(0, 59)}…` : value);
    case "bigint":
      return `${value}n`;
    case "symbol":
      return "a symbol";
    case "function":
      return "a function";
    case "object":
      return value === null ? "null" : objectText(value);
    default:
      return Object.is(value, -0) ? "-0" : String(value);
  }
}

function objectText(value: object): string {
  try {
    if (Array.isArray(value)) return `an array of ${value.length}`;
    if (ArrayBuffer.isView(value)) return `${Object.prototype.toString.call(value).slice(8, -1)} of ${value.byteLength} bytes`;
    const keys = Object.keys(value);
    const more = keys.length > 4 ? ", …" : "";
    return keys.length === 0 ? "an object without keys" : `{ ${keys.slice(0, 4).join(", ")}${more} }`;
  } catch {
    return "an object"; // a revoked proxy
  }
}
