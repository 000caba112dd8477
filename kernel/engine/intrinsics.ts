/**
 * Node's `inspect` calls methods of the cells' realm (`Array.prototype.push`, `includes`). Where a cell has replaced some and `inspect` fails,
 * it is called again with the built-ins restored as they were before the first cell.
 */
import { type InspectOptions, inspect as nodeInspect } from "node:util";
import { cells } from "./cell-realm.js";

/** A built-in method as it was before the first cell. */
interface BuiltIn {
  readonly holder: object;
  readonly key: PropertyKey;
  readonly value: unknown;
}

const builtIns: BuiltIn[] = [];
const {
  Array: A,
  Map: M,
  Object: O,
  Function: F,
  RegExp: R,
  Set: S,
  String: T,
  Symbol: Y,
  Reflect: X,
  JSON: J,
  Promise: P,
} = cells.global;
const iterators = [new A()[Symbol.iterator](), new M().values(), new S().values()].map((i) => Object.getPrototypeOf(i) as object);
for (const holder of [
  A,
  A.prototype,
  M.prototype,
  O,
  F.prototype,
  R.prototype,
  S.prototype,
  T.prototype,
  Y,
  X,
  J,
  P.prototype,
  ...iterators,
]) {
  for (const key of Reflect.ownKeys(holder)) {
    const property = Object.getOwnPropertyDescriptor(holder, key)!;
    if (typeof property.value === "function" && property.writable) builtIns.push({ holder, key, value: property.value });
  }
}

/** Calls `fn`; where it fails and cells have replaced built-ins, once more with these restored. */
export function withBuiltIns<T>(fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    const changed: BuiltIn[] = [];
    for (const { holder, key, value } of builtIns) {
      const now = (holder as Record<PropertyKey, unknown>)[key];
      if (now === value || !Reflect.set(holder, key, value)) continue;
      changed.push({ holder, key, value: now });
    }
    if (!changed.length) throw error;
    try {
      return fn();
    } finally {
      for (const { holder, key, value } of changed) Reflect.set(holder, key, value);
    }
  }
}

/** Node's `inspect`, even where cells have replaced built-ins. */
export function inspect(value: unknown, options?: InspectOptions): string {
  return withBuiltIns(() => nodeInspect(value, options));
}
