/**
 * The cells' realm, as the engine reaches it. The engine's own code runs in another realm (own-realm.ts), with another `Error` and
 * `Promise`. What it hands to a cell (a thrown error, a promise) must be made of the cells' classes, so that `instanceof` holds there. In unit
 * tests there is only one realm.
 */
export interface CellRealm {
  readonly global: typeof globalThis;
  readonly Error: ErrorConstructor;
  readonly TypeError: TypeErrorConstructor;
  readonly Promise: PromiseConstructor;
  readonly promisePrototype: object;
  readonly Uint8Array: Uint8ArrayConstructor;
  readonly parse: (json: string) => unknown;
  /** `Promise.prototype.then` from before the first cell. */
  readonly then: (this: unknown, resolve: (value: unknown) => void, reject: (reason: unknown) => void) => unknown;
}

/** Taken before the first cell runs. */
export const takeCellRealm = (): CellRealm => ({
  global: globalThis,
  Error,
  TypeError,
  Promise,
  promisePrototype: Promise.prototype,
  Uint8Array,
  parse: JSON.parse,
  // biome-ignore lint/suspicious/noThenProperty: it is the method, not a thenable
  then: Promise.prototype.then as CellRealm["then"],
});

export const cells: CellRealm = (globalThis as { cellRealm?: CellRealm }).cellRealm ?? takeCellRealm();

/** The promise as one of the cells' realm. */
export function promiseForCells<T>(promise: Promise<T>): Promise<T> {
  return new cells.Promise<T>((resolve, reject) => void promise.then(resolve, reject));
}

/** Waits for a cell's promise without calling its methods, which the cell may have replaced. */
export function awaitPromise(promise: object): Promise<unknown> {
  return new Promise((resolve, reject) => void Reflect.apply(cells.then, promise, [resolve, reject]));
}

/** A copy of plain data, made of the cells' classes. */
export function dataForCells<T>(data: T): T {
  return cells.parse(JSON.stringify(data)) as T;
}
