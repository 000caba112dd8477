/**
 * How values are shown below a cell: `display` and `clearOutput` for the user's code, and the interface of `lab/display.ts` for the lab.
 */
import { types } from "node:util";
import { displaySymbol, type MimeBundle, type Notebook } from "../../lab/display.js";
import type { EngineEvent } from "../messages.js";
import { base64, plain } from "./bundle.js";
import { awaitPromise, cells, promiseForCells } from "./cell-realm.js";
import { currentCell, refuseStopped } from "./output.js";
import { readable } from "./readable.js";
import { tableOf } from "./table.js";
import { send, showInCell } from "./task.js";

const startsWith = (value: unknown, bytes: readonly number[]): value is Uint8Array =>
  types.isUint8Array(value) && bytes.every((b, i) => value[i] === b);

/** Promises of `display` and the like. */
const silent = new WeakSet<Promise<unknown>>();

/** Marks a promise that shows nothing when it is a cell's last value: what was called has shown something already. */
export function markSilent(promise: Promise<void>): Promise<void> {
  silent.add(promise);
  return promise;
}

/** The bundle as the value gives it, unchecked; a promise only where the value's own display returns one. */
function rawBundleOf(value: unknown): unknown {
  // A proxy's properties are not read: its traps are the user's code and may answer anything.
  if (value !== null && (typeof value === "object" || typeof value === "function") && !types.isProxy(value)) {
    const own = (value as { [displaySymbol]?: unknown })[displaySymbol];
    if (typeof own === "function") return Reflect.apply(own, value, []);
  }
  if (types.isPromise(value)) {
    return silent.has(value) ? {} : { "text/plain": `${readable(value)}\ndid you forget await?` };
  }
  if (startsWith(value, [0x89, 0x50, 0x4e, 0x47])) return { "image/png": base64(value), "text/plain": "PNG image" };
  if (startsWith(value, [0xff, 0xd8, 0xff])) return { "image/jpeg": base64(value), "text/plain": "JPEG image" };
  const table = tableOf(value);
  return table ? { "text/html": table, "text/plain": readable(value) } : { "text/plain": readable(value) };
}

/** The MIME bundle of a value, ready to be sent; a promise only where its own display returns one, so that outputs keep their order. */
export function bundleOf(value: unknown): MimeBundle | Promise<MimeBundle> {
  const raw = rawBundleOf(value);
  return types.isPromise(raw) ? awaitPromise(raw).then(plain) : plain(raw);
}

type Output = Omit<Extract<EngineEvent, { event: "output" }>, "event" | "key">;

function output(key: string | undefined, what: Output): void {
  refuseStopped(key);
  send({ event: "output", key, ...what });
}

/** Shows a bundle below the running cell, for the modules `tslab` and `sparselab`. */
export function showBundle(data: MimeBundle, displayId?: string, update = false): void {
  output(currentCell(), { type: update ? "update_display_data" : "display_data", data: plain(data), displayId });
}

export interface DisplayOptions {
  raw?: boolean;
  update?: boolean;
  display_id?: string;
}

export async function display(value: unknown, options: DisplayOptions = {}): Promise<void> {
  for (const option of Object.keys(options)) {
    if (!["raw", "update", "display_id"].includes(option)) {
      throw new cells.TypeError(`unknown option "${option}" of display: known are raw, update, display_id`);
    }
  }
  if (options.update && !options.display_id)
    throw new cells.TypeError("display: `update` needs the `display_id` of the output it replaces");
  const key = currentCell();
  const bundle = options.raw ? plain(value) : bundleOf(value);
  const data = bundle instanceof Promise ? await bundle : bundle;
  if (Object.keys(data).length)
    output(key, { type: options.update ? "update_display_data" : "display_data", data, displayId: options.display_id });
}

/** Installs `display`, `clearOutput` and the lab's interface. `running`: what depends on the cell that runs (run.ts). */
export function installNotebook(running: Pick<Notebook, "signal" | "cell" | "atEnd">): void {
  const notebook: Notebook = {
    display: (bundle, id, place) => {
      if (place === "cell") showInCell(() => showBundle(bundle, id));
      else showBundle(bundle, id);
    },
    update: (bundle, id) => showBundle(bundle, id, true),
    ...running,
  };
  const define = (name: PropertyKey, value: unknown): void => {
    Object.defineProperty(cells.global, name, { value, enumerable: false, configurable: true, writable: true });
  };
  define(Symbol.for("sparselab.notebook"), notebook);
  define("display", (value: unknown, options?: DisplayOptions) => markSilent(promiseForCells(display(value, options))));
  define("clearOutput", (wait = false) => output(currentCell(), { type: "clear_output", wait }));
}
