/**
 * CommRouter on their way through the server. It keeps which are open, so that a page that was loaded again is told at once, and says of each
 * message of the front end when it was dealt with: the front end sends the next change of a slider then, and not before.
 */
import type { CommOut, CommType } from "../comms/host.js";
import type { CommRequest } from "../messages.js";
import type { Message } from "./wire.js";

const TYPES: readonly string[] = ["comm_open", "comm_msg", "comm_close"] satisfies readonly CommType[];

export interface CommRouterListener {
  status(state: "busy" | "idle", parent: Message): void;
  /** Publishes a comm message. */
  publish(type: CommType, content: object, parent: Message | undefined, metadata?: object, buffers?: readonly Uint8Array[]): void;
  /** Hands a message to the engine; false where there is none. */
  toEngine(request: CommRequest, buffers: readonly Uint8Array[]): boolean;
  /** The request of the cell with this key. */
  cell(key: string | undefined): Message | undefined;
}

export class CommRouter {
  readonly #listener: CommRouterListener;
  /** Target by comm id. */
  readonly #open = new Map<string, string>();
  /** Messages that the engine works on, by their id. */
  readonly #pending = new Map<string, Message>();

  constructor(listener: CommRouterListener) {
    this.#listener = listener;
  }

  /** The content of comm_info_reply. */
  info(target: unknown): object {
    const wanted = [...this.#open].filter(([, name]) => typeof target !== "string" || target === "" || name === target);
    return { status: "ok", comms: Object.fromEntries(wanted.map(([id, name]) => [id, { target_name: name }])) };
  }

  /** Takes a message of the front end where it is one of a comm. */
  receive(message: Message): boolean {
    const { header, content, metadata, buffers } = message;
    if (!TYPES.includes(header.msg_type)) return false;
    const type = header.msg_type as CommType;
    this.#listener.status("busy", message);
    if (typeof content.comm_id === "string") {
      if (type === "comm_open") this.#open.set(content.comm_id, String(content.target_name));
      else if (type === "comm_close") this.#open.delete(content.comm_id);
      this.#pending.set(header.msg_id, message);
      if (this.#listener.toEngine({ op: "comm", id: header.msg_id, type, content, metadata }, buffers)) return true;
      if (type === "comm_open") this.#close(content.comm_id, message);
    }
    this.done(header.msg_id, message);
    return true;
  }

  /** The engine dealt with a message. */
  done(id: string, message = this.#pending.get(id)): void {
    this.#pending.delete(id);
    if (message) this.#listener.status("idle", message);
  }

  /** A comm message of the engine. */
  publish({ type, content, metadata, key, answers }: CommOut, buffers: readonly Uint8Array[]): void {
    if (type === "comm_open") this.#open.set(content.comm_id, String(content.target_name));
    if (type === "comm_close") this.#open.delete(content.comm_id);
    const asked = answers === undefined ? undefined : this.#pending.get(answers);
    this.#listener.publish(type, content, asked ?? this.#listener.cell(key), metadata, buffers);
  }

  /** The engine ended, and with it the other end of every comm: the front end shows its widgets as dead. */
  lost(): void {
    for (const id of [...this.#open.keys()]) this.#close(id, undefined);
    for (const id of [...this.#pending.keys()]) this.done(id);
  }

  #close(id: string, parent: Message | undefined): void {
    this.#open.delete(id);
    this.#listener.publish("comm_close", { comm_id: id, data: {} }, parent);
  }
}
