/**
 * Node's `inspect`, which shows values, calls a few methods of the cells' language (`Array.prototype.push`, `includes`). Where a cell
 * has replaced them and it fails, it is called again with the language as it was before the first cell.
 */
import { type InspectOptions, inspect as nodeInspect } from "node:util";
import { cells } from "./cell-realm.js";

interface Kept {
  readonly holder: object;
  readonly key: PropertyKey;
  readonly value: unknown;
}

const kept: Kept[] = [];
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
    if (typeof property.value === "function" && property.writable) kept.push({ holder, key, value: property.value });
  }
}

/** Calls `fn`; where it fails and the cells' language was changed, once more with the language as it was. */
export function withLanguage<T>(fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    const changed: Kept[] = [];
    for (const { holder, key, value } of kept) {
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

/** Node's `inspect`, whatever a cell did to the language. */
export function inspect(value: unknown, options?: InspectOptions): string {
  return withLanguage(() => nodeInspect(value, options));
}
