/**
 * What a cell prints. Every print is attributed to the cell whose code (or timer, or promise) printed it, also after that cell ended.
 * A cell that was stopped cannot print: printing throws.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { InspectOptions } from "node:util";
import { cells } from "./cell-realm.js";
import { pin } from "./pin.js";
import { currentTask, send } from "./task.js";
import { Utf8 } from "./utf8.js";

export type StreamName = "stdout" | "stderr";

/** The key of the cell that started the running code. */
export const cellOf = pin(new AsyncLocalStorage<string>());

/** Thrown where a stopped cell still tries to print, to show or to ask. */
export class Interrupted extends cells.Error {
  override readonly name = "Interrupted";
  constructor() {
    super("the cell was stopped");
  }
}

const stopped = new Set<string>();
let latest: string | undefined;

/** Output of code that no cell started goes to this cell. */
export function outputsTo(key: string): void {
  latest = key;
}

export function currentCell(): string | undefined {
  return cellOf.getStore() ?? latest;
}

export function silenceCell(key: string): void {
  stopped.add(key);
}

export function refuseStopped(key: string | undefined): void {
  const task = currentTask();
  if (task) {
    // A widget's handler may print after its cell was stopped, but not after a stop of its own.
    if (task.controller.signal.aborted) throw new Interrupted();
    return;
  }
  if (key !== undefined && stopped.has(key)) throw new Interrupted();
}

/** Streams whose last bytes are an incomplete character, by cell and name. */
const unfinished = new Map<string, { readonly utf8: Utf8; readonly key: string | undefined; readonly name: StreamName }>();

/** Prints text, or UTF-8 bytes, which may end within a character. */
export function print(name: StreamName, chunk: string | Uint8Array): void {
  const key = currentCell();
  refuseStopped(key);
  const id = `${name} ${key}`;
  const begun = unfinished.get(id);
  let text: string;
  if (typeof chunk === "string") {
    text = (begun?.utf8.end() ?? "") + chunk;
    if (begun) unfinished.delete(id);
  } else {
    const utf8 = begun?.utf8 ?? new Utf8();
    text = utf8.write(chunk);
    if (utf8.empty) unfinished.delete(id);
    else if (!begun) unfinished.set(id, { utf8, key, name });
  }
  if (text) send({ event: "stream", key, name, text });
}

/** Prints what the cell left incomplete. Called when the cell ends. */
export function endPrints(ofCell: string): void {
  for (const [id, { utf8, key, name }] of unfinished) {
    if (key !== ofCell) continue;
    unfinished.delete(id);
    const text = utf8.end();
    if (text) send({ event: "stream", key, name, text });
  }
}

/** Hides the properties that Node's async hooks add to promises from `inspect`. */
export function hideBookkeeping(): void {
  const custom = Symbol.for("nodejs.util.inspect.custom");
  const show = function (
    this: Promise<unknown>,
    _depth: number,
    options: InspectOptions,
    inspect: (v: unknown, o: InspectOptions) => string,
  ) {
    return inspect(this, { ...options, customInspect: false })
      .replace(/,?\s*\[Symbol\((?:async_id_symbol|trigger_async_id_symbol|kResourceStore)\)\]: (?:'[^']*'|\w+)/g, "")
      .replace(/^(Promise) \{\s+(.{1,70}?)\s+\}$/, "$1 { $2 }");
  };
  Object.defineProperty(cells.promisePrototype, custom, { value: show, enumerable: false, configurable: true, writable: true });
}
