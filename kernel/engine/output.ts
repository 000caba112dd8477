/**
 * What a cell prints. Every print is attributed to the cell whose code (or timer, or promise) printed it, also after that cell ended;
 * and a cell that was stopped cannot print any more: its next print ends it.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { Console } from "node:console";
import { Writable } from "node:stream";
import type { InspectOptions } from "node:util";
import { currentWork, send } from "./work.js";

/** The key of the cell that the running code belongs to. */
export const cellOf = new AsyncLocalStorage<string>();

/** Thrown into what still runs of a stopped cell. */
export class Interrupted extends Error {
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

function print(name: "stdout" | "stderr", chunk: unknown, encoding?: unknown): void {
  const key = currentCell();
  refuseStopped(key);
  const text =
    typeof chunk === "string"
      ? chunk
      : Buffer.from(chunk as Uint8Array).toString(typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8");
  if (text) send({ event: "stream", key, name, text });
}

/** Node keeps its books of asynchronous contexts on promises, where whoever prints one would see them. */
function hideBookkeeping(): void {
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
  Object.defineProperty(Promise.prototype, custom, { value: show, enumerable: false, configurable: true, writable: true });
}

/** Replaces `console` and the process's streams. V8's own console would keep every argument for ever. */
export function captureOutput(): void {
  hideBookkeeping();
  for (const name of ["stdout", "stderr"] as const) {
    process[name].write = ((chunk: unknown, encoding?: unknown, done?: unknown): boolean => {
      print(name, chunk, encoding);
      const callback = typeof encoding === "function" ? encoding : done;
      if (typeof callback === "function") process.nextTick(callback as () => void);
      return true;
    }) as typeof process.stdout.write;
  }
  const sink = (name: "stdout" | "stderr"): Writable => {
    const stream = new Writable({ decodeStrings: false });
    stream.write = ((chunk: unknown, encoding?: unknown, done?: unknown): boolean => {
      print(name, chunk, encoding);
      const callback = typeof encoding === "function" ? encoding : done;
      if (typeof callback === "function") (callback as () => void)();
      return true;
    }) as typeof stream.write;
    return stream;
  };
  const own = new Console({
    stdout: sink("stdout"),
    stderr: sink("stderr"),
    ignoreErrors: false,
    colorMode: false,
    inspectOptions: { depth: 4, breakLength: 100 },
  });
  globalThis.console = own as typeof console;
}
