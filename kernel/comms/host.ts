/**
 * What comms and widgets need of the engine. In a plain script there is no host: making a widget is an error that says why.
 */
import { LabError } from "../../lab/errors.js";

export type CommType = "comm_open" | "comm_msg" | "comm_close";

/** A comm message for the front end. */
export interface CommOut {
  readonly type: CommType;
  readonly content: Readonly<Record<string, unknown>> & { readonly comm_id: string };
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The cell whose code sends it, which becomes the message's parent: clients such as nbclient only see messages of the cell they run. */
  readonly key: string | undefined;
  /** The id of the front end's message that this one answers. */
  readonly answers: string | undefined;
}

export interface Host {
  publish(message: CommOut, buffers: readonly Uint8Array[]): void;
  /** The key of the cell that started the running code. */
  cell(): string | undefined;
  /** Calls a handler on behalf of a cell: its prints and its error go there, and the stop button stops it. */
  handle(key: string | undefined, fn: () => unknown): void;
}

let current: Host | undefined;

/** Called once by the engine. Tests pass `undefined` to disconnect. */
export function connectHost(host: Host | undefined): void {
  current = host;
}

/** The host. Without one it throws: `what` needs a notebook. */
export function hostFor(what: string): Host {
  if (current) return current;
  throw new LabError(
    "invalid-option",
    `${what} needs a notebook: a front end such as JupyterLab draws it and sends back what is done with it. Run this in a cell of a notebook with the sparselab kernel; in a plain script use values instead`,
  );
}
