/**
 * Binary values of a widget's state are sent beside its JSON: `split` takes them out and returns their paths, `join` puts them back.
 * By the widget protocol a value taken out of an array leaves null, one taken out of an object leaves nothing.
 */
export type BufferPath = readonly (string | number)[];

export interface Split {
  readonly state: Record<string, unknown>;
  readonly paths: readonly BufferPath[];
  readonly buffers: readonly Uint8Array[];
}

/** The bytes of a typed array, an ArrayBuffer or a DataView; undefined for anything else. */
export function bytesOf(value: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return undefined;
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" &&
  value !== null &&
  (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null);

export function split(state: Readonly<Record<string, unknown>>): Split {
  const paths: BufferPath[] = [];
  const buffers: Uint8Array[] = [];
  const walk = (value: unknown, path: BufferPath): unknown => {
    const bytes = bytesOf(value);
    if (bytes) {
      paths.push(path);
      buffers.push(bytes);
      return undefined;
    }
    if (Array.isArray(value)) return value.map((item, i) => walk(item, [...path, i]) ?? null);
    if (!isPlain(value)) return value;
    const copy: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(value)) {
      const kept = walk(item, [...path, key]);
      if (kept !== undefined) copy[key] = kept;
    }
    return copy;
  };
  return { state: walk(state, []) as Record<string, unknown>, paths, buffers };
}

/**
 * Puts buffers back at their paths, in place. Each is copied, so that it is aligned for any typed array.
 * A path that does not exist is an error: the message is damaged.
 */
export function join(state: Record<string, unknown>, paths: readonly BufferPath[], buffers: readonly Uint8Array[]): void {
  if (paths.length > buffers.length) throw new TypeError(`expected ${paths.length} binary values, received ${buffers.length}`);
  paths.forEach((path, i) => {
    let at: unknown = state;
    for (const step of path.slice(0, -1)) at = own(at, step, path);
    const last = path.at(-1);
    if (last === undefined || at === null || typeof at !== "object" || last === "__proto__") throw lost(path);
    (at as Record<string | number, unknown>)[last] = new Uint8Array(buffers[i]!);
  });
}

function own(at: unknown, step: string | number, path: BufferPath): unknown {
  if (at === null || typeof at !== "object" || !Object.hasOwn(at, step)) throw lost(path);
  return (at as Record<string | number, unknown>)[step];
}

const lost = (path: BufferPath): TypeError =>
  new TypeError(`a binary value has the path ${JSON.stringify(path)}, which does not exist`);
