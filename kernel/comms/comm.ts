/**
 * Comms: named channels between the kernel and the front end, on which either side sends JSON with binary buffers at any time. Widgets use
 * them, and so can any front-end extension that registers a target.
 */
import { randomUUID } from "node:crypto";
import { type CommType, hostFor } from "./host.js";

/** A message received on a comm. */
export interface CommMessage {
  readonly data: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly buffers: readonly Uint8Array[];
  /** The message's id, for an answer that refers to it. */
  readonly id: string;
}

/** Options of a message sent on a comm. */
export interface SendOptions {
  /** Default: none. */
  metadata?: Readonly<Record<string, unknown>>;
  /** Binary data sent beside the message. Default: none. */
  buffers?: readonly Uint8Array[];
  /** The id of the front end's message that this one answers. Default: none. */
  answers?: string;
}

const live = new Map<string, Comm>();
type OpenHandler = (comm: Comm, message: CommMessage) => unknown;
const targets = new Map<string, { readonly key: string | undefined; readonly opened: OpenHandler }>();

/**
 * A channel between the notebook's code and the page, on which both send messages.
 * @example
 * const comm = Comm.open("my-target", { hello: 1 });
 * comm.onMessage = ({ data }) => console.log(data);
 */
export class Comm {
  readonly id: string;
  readonly target: string;
  /** The cell that opened it: what handlers print goes there. */
  readonly key: string | undefined;
  /** Called with each message of the front end. */
  onMessage: ((message: CommMessage) => unknown) | undefined;
  /** Called when the front end closes the comm. */
  onClose: ((message: CommMessage) => unknown) | undefined;
  #open = true;

  private constructor(target: string, id: string, key: string | undefined) {
    this.target = target;
    this.id = id;
    this.key = key;
    live.set(id, this);
  }

  /** Opens a comm to a target that the front end has registered. */
  static open(target: string, data: object = {}, options: SendOptions = {}): Comm {
    const comm = new Comm(target, randomUUID(), hostFor(`a comm to ${target}`).cell());
    comm.#publish("comm_open", { target_name: target, data }, options);
    return comm;
  }

  /** For the engine: a comm that the front end opened. */
  static accept(target: string, id: string, key: string | undefined): Comm {
    return new Comm(target, id, key);
  }

  get closed(): boolean {
    return !this.#open;
  }

  send(data: object, options: SendOptions = {}): void {
    if (!this.#open) throw new Error(`the comm to ${this.target} is closed`);
    this.#publish("comm_msg", { data }, options);
  }

  close(data: object = {}, { answers }: Pick<SendOptions, "answers"> = {}): void {
    if (!this.#open) return;
    this.markClosed();
    this.#publish("comm_close", { data }, { answers });
  }

  /** For the engine: marks a comm as closed that the front end closed. */
  markClosed(): void {
    this.#open = false;
    live.delete(this.id);
  }

  #publish(type: CommType, content: object, { metadata = {}, buffers = [], answers }: SendOptions): void {
    const host = hostFor(`a comm to ${this.target}`);
    host.publish({ type, content: { comm_id: this.id, ...content }, metadata, key: host.cell(), answers }, buffers);
  }
}

/**
 * Calls `opened` for each comm that the front end opens to `target`. What it prints goes to the cell that registers it.
 * @example
 * registerTarget("my-target", (comm, { data }) => comm.send({ received: data }));
 */
export function registerTarget(target: string, opened: OpenHandler): void {
  targets.set(target, { key: hostFor(`the comm target ${target}`).cell(), opened });
}

/** For the engine: handles a message of the front end. Messages for closed comms are dropped. */
export function receiveComm(type: CommType, content: Readonly<Record<string, unknown>>, rest: Omit<CommMessage, "data">): void {
  const host = hostFor("a comm");
  const id = String(content.comm_id);
  const data = content.data !== null && typeof content.data === "object" ? (content.data as CommMessage["data"]) : {};
  const message: CommMessage = { data, ...rest };
  if (type === "comm_open") {
    const name = String(content.target_name);
    const target = targets.get(name);
    const comm = Comm.accept(name, id, target?.key);
    if (target) host.handle(target.key, () => target.opened(comm, message));
    else comm.close({}, { answers: rest.id }); // The protocol: a comm to an unknown target is closed at once.
    return;
  }
  const comm = live.get(id);
  if (!comm) return;
  if (type === "comm_close") comm.markClosed();
  const handler = type === "comm_close" ? comm.onClose : comm.onMessage;
  if (handler) host.handle(comm.key, () => handler(message));
}
