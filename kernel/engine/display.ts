/**
 * How a value shows itself below its cell, and the services of the notebook: `display` and `clearOutput` for the user's code, and
 * the contract of `lab/display.ts` for the lab.
 */
import { types } from "node:util";
import { displaySymbol, type MimeBundle, type Notebook } from "../../lab/display.js";
import type { EngineEvent } from "../messages.js";
import { base64, plain } from "./bundle.js";
import { cells, forCells, settled } from "./cell-realm.js";
import { currentCell, refuseStopped } from "./output.js";
import { readable } from "./readable.js";
import { tableOf } from "./table.js";
import { send, undiverted } from "./work.js";

const startsWith = (value: unknown, bytes: readonly number[]): value is Uint8Array =>
  types.isUint8Array(value) && bytes.every((b, i) => value[i] === b);

/** Promises of `display` and its like. */
const showing = new WeakSet<Promise<unknown>>();

/** A promise that as a cell's last value shows nothing: what it does is to show. */
export function showsItself(promise: Promise<void>): Promise<void> {
  showing.add(promise);
  return promise;
}

/** The MIME bundle of a value; a promise only where the value's own display gives one. */
function bundleOf(value: unknown): unknown {
  // A proxy is shown without being asked anything: its traps are code, and may answer anything to any question.
  if (value !== null && (typeof value === "object" || typeof value === "function") && !types.isProxy(value)) {
    const own = (value as { [displaySymbol]?: unknown })[displaySymbol];
    if (typeof own === "function") return Reflect.apply(own, value, []);
  }
  if (types.isPromise(value)) {
    // What shows something is done when it is called: its promise has nothing to show.
    return showing.has(value) ? {} : { "text/plain": `${readable(value)}\ndid you forget await?` };
  }
  if (startsWith(value, [0x89, 0x50, 0x4e, 0x47])) return { "image/png": base64(value), "text/plain": "PNG image" };
  if (startsWith(value, [0xff, 0xd8, 0xff])) return { "image/jpeg": base64(value), "text/plain": "JPEG image" };
  const table = tableOf(value);
  return table ? { "text/html": table, "text/plain": readable(value) } : { "text/plain": readable(value) };
}

/** How a value shows itself, ready to be sent; a promise only where its own display gives one, so that the order of outputs is kept. */
export function shownAs(value: unknown): MimeBundle | Promise<MimeBundle> {
  const made = bundleOf(value);
  return types.isPromise(made) ? settled(made).then(plain) : plain(made);
}

type Output = Omit<Extract<EngineEvent, { event: "output" }>, "event" | "key">;

function output(key: string | undefined, what: Output): void {
  refuseStopped(key);
  send({ event: "output", key, ...what });
}

/** Shows a bundle under the running cell; for tslab's module and our own. */
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
    throw new cells.TypeError("display: `update` needs the `display_id` of what it draws anew");
  const key = currentCell();
  const shown = options.raw ? plain(value) : shownAs(value);
  const data = shown instanceof Promise ? await shown : shown;
  if (Object.keys(data).length)
    output(key, { type: options.update ? "update_display_data" : "display_data", data, displayId: options.display_id });
}

/**
 * Installs what every cell has. `signal` and `cell` are the run loop's: it knows which cell is running.
 */
export function installNotebook(running: Pick<Notebook, "signal" | "cell" | "atEnd">): void {
  const notebook: Notebook = {
    display: (bundle, id, place) => {
      if (place === "cell") undiverted(() => showBundle(bundle, id));
      else showBundle(bundle, id);
    },
    update: (bundle, id) => showBundle(bundle, id, true),
    ...running,
  };
  const define = (name: PropertyKey, value: unknown): void => {
    Object.defineProperty(cells.global, name, { value, enumerable: false, configurable: true, writable: true });
  };
  define(Symbol.for("sparselab.notebook"), notebook);
  define("display", (value: unknown, options?: DisplayOptions) => showsItself(forCells(display(value, options))));
  define("clearOutput", (wait = false) => output(currentCell(), { type: "clear_output", wait }));
}
