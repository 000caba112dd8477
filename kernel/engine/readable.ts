/**
 * Values as text of a bounded length: an object of 300,000 keys must not become 5 MB in the notebook. The text says what was left out.
 * Nothing here reads a proxy or calls a getter.
 */
import { inspect as nodeInspect, types } from "node:util";
import { inspect } from "./intrinsics.js";

const DEPTH = 4;
const ITEMS = 100;
const TEXT = 10_000;
/** Most values shown, over all depths. */
const VALUES = 10_000;
/** Most characters, except of a string that is the value itself. */
const LIMIT = 200_000;

/** How many values `inspect` would show down to `depth`. Counting stops a little above VALUES. */
function countTo(depth: number, root: object): number {
  let count = 0;
  const walk = (value: unknown, left: number): void => {
    if (value === null || typeof value !== "object" || count > VALUES) return;
    if (types.isProxy(value) || ArrayBuffer.isView(value)) return;
    if (types.isMap(value) || types.isSet(value)) {
      let items = 0;
      // This realm's iterators: a subclass may have another, and a cell may have replaced its own.
      const { values } = types.isMap(value) ? Map.prototype : Set.prototype;
      for (const item of Reflect.apply(values, value, []) as Iterable<unknown>) {
        if (++items > ITEMS) break;
        count++;
        if (left > 0) walk(item, left - 1);
      }
      return;
    }
    const list = Array.isArray(value);
    const keys = list ? Math.min(value.length, ITEMS) : Object.keys(value);
    const n = typeof keys === "number" ? keys : keys.length;
    count += n;
    if (left === 0) return;
    for (let i = 0; i < n && count <= VALUES; i++) {
      const property = Object.getOwnPropertyDescriptor(value, typeof keys === "number" ? String(i) : keys[i]!);
      if (property && "value" in property) walk(property.value, left - 1);
    }
  };
  walk(root, depth);
  return count;
}

/** The object with its first keys only, where it has very many; its getters stay getters. */
function head(value: object): { readonly part: object; readonly left: number } | undefined {
  if (Array.isArray(value) || ArrayBuffer.isView(value) || types.isMap(value) || types.isSet(value)) return undefined;
  const keys = Object.keys(value);
  if (keys.length <= ITEMS * 10) return undefined;
  const part = Object.create(Object.getPrototypeOf(value) as object | null) as object;
  for (const key of keys.slice(0, ITEMS)) Object.defineProperty(part, key, Object.getOwnPropertyDescriptor(value, key)!);
  return { part, left: keys.length - ITEMS };
}

/** The text; of one that is too long, the middle is left out. */
export function cutText(text: string, limit = LIMIT): string {
  if (text.length <= limit) return text;
  const end = Math.floor(limit / 10);
  const left = text.length - limit;
  return `${text.slice(0, limit - end)}\n… ${left.toLocaleString("en-US")} characters left out …\n${text.slice(text.length - end)}`;
}

/** The text of a value that has no display of its own. */
export function readable(value: unknown): string {
  // A string as the value itself is not cut; strings inside other values are.
  if (typeof value === "string") return value.length > TEXT ? JSON.stringify(value) : inspect(value, { maxStringLength: null });
  const options = { maxArrayLength: ITEMS, maxStringLength: TEXT, breakLength: 100 };
  if (value === null || typeof value !== "object" || types.isProxy(value))
    return cutText(inspect(value, { ...options, depth: DEPTH }));
  let depth = DEPTH;
  while (depth > 0 && countTo(depth, value) > VALUES) depth--;
  const many = head(value);
  const text = inspect(many ? many.part : value, { ...options, depth });
  return cutText(many ? text.replace(/\s*\}$/, `,\n  … ${many.left.toLocaleString("en-US")} more keys\n}`) : text);
}

/** An argument of `console.log`; in place of a very large object one that prints shortened. */
export function shortenLarge(value: unknown): unknown {
  if (value === null || typeof value !== "object" || types.isProxy(value)) return value;
  if (countTo(DEPTH, value) <= VALUES) return value;
  const text = readable(value);
  return { [nodeInspect.custom]: () => text };
}
