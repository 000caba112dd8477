/** Comms in the engine: messages of the front end find their handlers, which run in the name of the cell that made the widget. */
import type { receiveComm } from "../comms/comm.js";
import type { connectHost } from "../comms/host.js";
import type { CommRequest } from "../messages.js";
import { cells, dataForCells } from "./cell-realm.js";
import { failureOf } from "./errors.js";
import { emit } from "./events.js";
import { cellOf, currentCell, Interrupted, print } from "./output.js";
import { finishWork, runWork, stopWork, Work } from "./work.js";

/** Messages whose handlers have not returned yet. */
const pending = new Set<string>();

/** The module of comms that cells import: it runs among them. */
export interface CellComms {
  readonly connectHost: typeof connectHost;
  readonly receiveComm: typeof receiveComm;
}
let comms: CellComms;

export function installComms(module: CellComms): void {
  comms = module;
  comms.connectHost({
    publish: (message, buffers) => emit({ event: "comm", ...message }, buffers),
    cell: currentCell,
    handle: (key, fn) => {
      const work = new Work();
      const run = (): void =>
        void runWork(work, async () => {
          try {
            await fn();
          } catch (error) {
            if (error instanceof Interrupted || work.controller.signal.aborted) return;
            print("stderr", `${failureOf(error).traceback.join("\n")}\n`);
          }
        }).then(() => finishWork(work));
      if (key === undefined) run();
      else cellOf.run(key, run);
    },
  });
}

/** A message of the front end. The front end sends the next change when it hears that this one was dealt with. */
export function handleComm(request: CommRequest, buffers: readonly Uint8Array[]): void {
  const { id, type, content, metadata } = request;
  pending.add(id);
  try {
    comms.receiveComm(type, dataForCells(content), {
      metadata: dataForCells(metadata),
      buffers: buffers.map((b) => new cells.Uint8Array(b)),
      id,
    });
  } finally {
    done(id);
  }
}

function done(id: string): void {
  if (pending.delete(id)) emit({ event: "commDone", id });
}

/** The stop button: handlers are told, and one that was ended in the midst of its code will not report any more. */
export function stopHandlers(): void {
  stopWork();
  for (const id of pending) done(id);
}
