/**
 * `Deno.jupyter` for notebooks that were written for Deno's kernel: display, broadcast and the templates. Only cells see it, since packages
 * take a global `Deno` as a sign that they run on Deno. Using any other part of Deno is an error that says so.
 */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { types } from "node:util";
import { displaySymbol, type MimeBundle } from "../../lab/display.js";
import type { CommType } from "../comms/host.js";
import { base64, plain } from "./bundle.js";
import { cells, promiseForCells } from "./cell-realm.js";
import { bundleOf, display } from "./display.js";
import { emit } from "./events.js";
import { currentCell, print, refuseStopped } from "./output.js";
import { send } from "./task.js";

type Fields = Readonly<Record<string, unknown>>;
interface Extra {
  readonly metadata?: Fields;
  readonly buffers?: readonly (ArrayBufferView | ArrayBuffer)[];
}

const displayable = (bundle: MimeBundle): object => ({ [displaySymbol]: () => bundle });

const template =
  (type: string) =>
  (strings: readonly string[], ...values: readonly unknown[]): object => {
    const texts = strings.map((text, i) => text + (i < values.length && values[i] !== undefined ? String(values[i]) : ""));
    return displayable({ [type]: texts.join("") });
  };

function image(what: unknown): object {
  const bytes = typeof what === "string" ? new Uint8Array(readFileSync(what)) : what;
  if (types.isUint8Array(bytes)) {
    if (bytes[0] === 0x89 && bytes[1] === 0x50) return displayable({ "image/png": base64(bytes) });
    if (bytes[0] === 0xff && bytes[1] === 0xd8) return displayable({ "image/jpeg": base64(bytes) });
  }
  throw new cells.TypeError("Deno.jupyter.image takes a PNG or JPEG: a path, or the bytes as a Uint8Array");
}

const object = (value: unknown): Fields => (value !== null && typeof value === "object" ? (value as Fields) : {});

const COMMS: readonly string[] = ["comm_open", "comm_msg", "comm_close"] satisfies CommType[];

async function broadcast(type: string, content: Fields, { metadata = {}, buffers = [] }: Extra = {}): Promise<void> {
  const key = currentCell();
  refuseStopped(key);
  if (type === "display_data" || type === "update_display_data") {
    const id = object(content.transient).display_id;
    const displayId = id === undefined ? undefined : String(id);
    send({ event: "output", key, type, data: plain(content.data ?? {}), metadata: object(content.metadata), displayId });
  } else if (type === "stream") print(content.name === "stderr" ? "stderr" : "stdout", String(content.text));
  else if (type === "clear_output") send({ event: "output", key, type, wait: content.wait === true });
  else if (COMMS.includes(type)) {
    const bytes = buffers.map((b) =>
      ArrayBuffer.isView(b) ? new Uint8Array(b.buffer, b.byteOffset, b.byteLength) : new Uint8Array(b),
    );
    const own = { ...content, comm_id: String(content.comm_id ?? randomUUID()) };
    emit({ event: "comm", type: type as CommType, content: own, metadata, key, answers: undefined }, bytes);
  } else {
    const known = ["display_data", "update_display_data", "clear_output", "stream", ...COMMS].join(", ");
    throw new cells.TypeError(`Deno.jupyter.broadcast: "${type}" is not a message that a cell can send. Known: ${known}`);
  }
}

interface DenoOptions {
  readonly raw?: boolean;
  readonly update?: boolean;
  readonly display_id?: string;
}

const jupyter = Object.freeze({
  $display: displaySymbol,
  display: (value: unknown, options: DenoOptions = {}) => promiseForCells(display(value, options)),
  broadcast: (type: string, content: Fields, extra?: Extra) => promiseForCells(broadcast(type, content, extra)),
  format: (value: unknown) => promiseForCells((async () => bundleOf(value))()),
  md: template("text/markdown"),
  html: template("text/html"),
  svg: template("image/svg+xml"),
  image,
});

export const deno: object = new Proxy(Object.freeze({ jupyter }), {
  get(target, name) {
    if (name === "jupyter") return target.jupyter;
    if (typeof name === "symbol") return undefined;
    throw new cells.TypeError(
      `Deno.${name} does not exist here: this kernel runs on Node and has only Deno.jupyter. Use Node's modules instead, such as node:fs`,
    );
  },
});
