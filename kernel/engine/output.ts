/**
 * What a cell prints. Every print is attributed to the cell whose code (or timer, or promise) printed it, also after that cell ended;
 * and a cell that was stopped cannot print any more: its next print ends it.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { InspectOptions } from "node:util";
import { cells } from "./cell-realm.js";
import { pin } from "./pin.js";
import { Utf8 } from "./utf8.js";
import { currentWork, send } from "./work.js";

export type StreamName = "stdout" | "stderr";

/** The key of the cell that the running code belongs to. */
export const cellOf = pin(new AsyncLocalStorage<string>());

/** Thrown into what still runs of a stopped cell. */
export class Interrupted extends cells.Error {
  override readonly name = "Interrupted";
  constructor() {
    super("the cell was stopped");
  }
}

const stopped = new Set<string>();
let latest: string | undefined;

/** Where output goes that belongs to no cell: to the one that ran last. */
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
  const work = currentWork();
  if (work) {
    // A widget outlives its cell, also one that was stopped.
    if (work.controller.signal.aborted) throw new Interrupted();
    return;
  }
  if (key !== undefined && stopped.has(key)) throw new Interrupted();
}

/** Streams in which a character has begun and not ended, by cell and name. */
const unfinished = new Map<string, { readonly utf8: Utf8; readonly key: string | undefined; readonly name: StreamName }>();

/** Prints text, or bytes of UTF-8: a character may come in pieces. */
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

/** The cell is over: what it left unfinished will not be finished. */
export function endPrints(ofCell: string): void {
  for (const [id, { utf8, key, name }] of unfinished) {
    if (key !== ofCell) continue;
    unfinished.delete(id);
    const text = utf8.end();
    if (text) send({ event: "stream", key, name, text });
  }
}

/** Node keeps its books of asynchronous contexts on promises, where whoever prints one would see them. */
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
