/**
 * MIME bundles as a notebook file can hold them. A value that is neither text nor JSON (bytes under `image/png`, a number under
 * `text/plain`, a BigInt) would make nbclient fail, or the notebook impossible to save.
 */
import { types } from "node:util";
import type { MimeBundle } from "../../lab/display.js";
import { cells } from "./cell-realm.js";
import { inspect } from "./intrinsics.js";
import { readable } from "./readable.js";
import { Utf8 } from "./utf8.js";

const isJson = (type: string): boolean => type === "application/json" || type.endsWith("+json");
/** Types whose bytes are text. */
const isText = (type: string): boolean =>
  type.startsWith("text/") || type === "image/svg+xml" || type === "application/javascript";

/** The bytes of a typed array, a view or a buffer of any realm. */
function bytesOf(value: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return types.isAnyArrayBuffer(value) ? new Uint8Array(value) : undefined;
}

const toBuffer = Buffer.from.bind(Buffer) as (bytes: ArrayBufferLike, offset: number, length: number) => Buffer;
const bufferToString = Buffer.prototype.toString;

export function base64(bytes: Uint8Array): string {
  const buffer = toBuffer(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Reflect.apply(bufferToString, buffer, ["base64"]) as string;
}

function utf8(bytes: Uint8Array): string {
  const stream = new Utf8();
  return stream.write(bytes) + stream.end();
}

/** A copy of a bundle in which every value is text or JSON. Anything but an object is a TypeError: no front end could draw it. */
export function plain(data: unknown): MimeBundle {
  if (data === null || typeof data !== "object" || Array.isArray(data) || bytesOf(data)) {
    throw new cells.TypeError(`a display must be an object of MIME types and data, received ${inspect(data, { depth: 0 })}`);
  }
  const made: Record<string, unknown> = {};
  for (const [type, value] of Object.entries(data)) {
    const kept = isJson(type) ? jsonOf(value) : textOf(type, value);
    if (kept !== undefined) made[type] = kept;
  }
  return made;
}

function textOf(type: string, value: unknown): string | undefined {
  if (value === undefined || typeof value === "string") return value;
  const bytes = bytesOf(value);
  if (bytes) return isText(type) ? utf8(bytes) : base64(bytes);
  // nbformat allows a long text as an array of lines.
  if (Array.isArray(value) && value.every((line) => typeof line === "string")) return value.join("");
  return typeof value === "object" && value !== null ? readable(value) : String(value);
}

/** The value as JSON. What JSON cannot express becomes text; it is never an error. */
function jsonOf(value: unknown): unknown {
  const text = JSON.stringify(value, replacer([]));
  return text === undefined ? undefined : (JSON.parse(text) as unknown);
}

function replacer(parents: object[]): (this: unknown, key: string, value: unknown) => unknown {
  return function (key, value) {
    // `this` is the object that has the key: it becomes the last of the parents.
    while (parents.length && parents.at(-1) !== this) parents.pop();
    if (typeof value === "bigint") return String(value);
    const own = (this as Record<string, unknown>)[key];
    const bytes = bytesOf(own);
    const numbers = types.isTypedArray(own) && !types.isUint8Array(own);
    if (bytes && !numbers) return base64(bytes);
    const given = numbers ? Array.from(own as unknown as ArrayLike<number>, json) : value;
    if (given === null || typeof given !== "object") return given;
    if (parents.includes(given)) return "[Circular]";
    parents.push(given);
    return given;
  };
}
const json = (value: unknown): unknown => (typeof value === "bigint" ? String(value) : value);
