/**
 * What the engine lends to comms and widgets. Absent in a plain script: there every widget refuses with the reason, since nobody could
 * draw it.
 */
import { LabError } from "../../lab/errors.js";

export type CommType = "comm_open" | "comm_msg" | "comm_close";

/** A comm message on its way to the front end. */
export interface CommOut {
  readonly type: CommType;
  readonly content: Readonly<Record<string, unknown>> & { readonly comm_id: string };
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The cell whose code sends it: a client that runs a notebook listens to the messages of the cell it runs. */
  readonly key: string | undefined;
  /** The id of the front end's message that this one answers. */
  readonly answers: string | undefined;
}

export interface Host {
  publish(message: CommOut, buffers: readonly Uint8Array[]): void;
  /** The cell that the running code belongs to. */
  cell(): string | undefined;
  /** Calls a handler in the name of a cell: its prints go there, its error is shown there, the stop button ends it. */
  handle(key: string | undefined, fn: () => unknown): void;
}

let current: Host | undefined;

/** Called once by the engine; `undefined` takes it back, for tests. */
export function connectHost(host: Host | undefined): void {
  current = host;
}

/** The host, or an error that names `what` needs one. */
export function hostFor(what: string): Host {
  if (current) return current;
  throw new LabError(
    "invalid-option",
    `${what} needs a notebook: a front end such as JupyterLab draws it and sends back what is done with it. Run this in a cell of a notebook with the sparselab kernel; in a plain script use values instead`,
  );
}
