/** Objects of Node that the engine depends on keep their methods, even where a cell patches their classes. */

/** Copies the methods that `object` inherits onto itself. */
export function pin<T extends object>(object: T): T {
  const seen = new Set<PropertyKey>(Reflect.ownKeys(object));
  for (let at = Object.getPrototypeOf(object) as object | null; at && Object.getPrototypeOf(at); at = Object.getPrototypeOf(at)) {
    for (const key of Reflect.ownKeys(at)) {
      if (seen.has(key)) continue;
      seen.add(key);
      const property = Object.getOwnPropertyDescriptor(at, key)!;
      if (typeof property.value !== "function" || key === "constructor") continue;
      Object.defineProperty(object, key, { value: property.value, writable: true, enumerable: false, configurable: true });
    }
  }
  return object;
}
