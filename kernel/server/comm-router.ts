/**
 * Passes comm messages between front end and engine. It keeps a list of open comms for a page that is loaded again (`comm_info_request`),
 * and sends `idle` for each message of the front end once the engine has handled it: the front end holds a slider's next change back until
 * then.
 */
import type { CommOut, CommType } from "../comms/host.js";
import type { CommRequest } from "../messages.js";
import type { Message } from "./wire.js";

const TYPES: readonly string[] = ["comm_open", "comm_msg", "comm_close"] satisfies readonly CommType[];

export interface CommRouterListener {
  status(state: "busy" | "idle", parent: Message): void;
  /** Publishes a comm message. */
  publish(type: CommType, content: object, parent: Message | undefined, metadata?: object, buffers?: readonly Uint8Array[]): void;
  /** Sends a message to the engine; false where no engine runs. */
  toEngine(request: CommRequest, buffers: readonly Uint8Array[]): boolean;
  /** The request of the cell with this key. */
  cell(key: string | undefined): Message | undefined;
}

export class CommRouter {
  readonly #listener: CommRouterListener;
  /** Open comms: target by comm id. */
  readonly #open = new Map<string, string>();
  /** Messages that the engine has not finished, by id. */
  readonly #pending = new Map<string, Message>();

  constructor(listener: CommRouterListener) {
    this.#listener = listener;
  }

  /** The content of comm_info_reply. */
  info(target: unknown): object {
    const wanted = [...this.#open].filter(([, name]) => typeof target !== "string" || target === "" || name === target);
    return { status: "ok", comms: Object.fromEntries(wanted.map(([id, name]) => [id, { target_name: name }])) };
  }

  /** Takes a message of the front end; false for any other message. */
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

  /** The engine has handled a message. */
  done(id: string, message = this.#pending.get(id)): void {
    this.#pending.delete(id);
    if (message) this.#listener.status("idle", message);
  }

  /** Publishes a comm message of the engine. */
  publish({ type, content, metadata, key, answers }: CommOut, buffers: readonly Uint8Array[]): void {
    if (type === "comm_open") this.#open.set(content.comm_id, String(content.target_name));
    if (type === "comm_close") this.#open.delete(content.comm_id);
    const asked = answers === undefined ? undefined : this.#pending.get(answers);
    this.#listener.publish(type, content, asked ?? this.#listener.cell(key), metadata, buffers);
  }

  /** The engine ended, and all its comms with it: closes them, so that the front end shows their widgets as disconnected. */
  lost(): void {
    for (const id of [...this.#open.keys()]) this.#close(id, undefined);
    for (const id of [...this.#pending.keys()]) this.done(id);
  }

  #close(id: string, parent: Message | undefined): void {
    this.#open.delete(id);
    this.#listener.publish("comm_close", { comm_id: id, data: {} }, parent);
  }
}
