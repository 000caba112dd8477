/** Comm messages of the front end reach their handlers, each of which runs as a task of the cell that opened the comm. */
import type { receiveComm } from "../comms/comm.js";
import type { connectHost } from "../comms/host.js";
import type { CommRequest } from "../messages.js";
import { cells, dataForCells } from "./cell-realm.js";
import { failureOf } from "./errors.js";
import { emit } from "./events.js";
import { cellOf, currentCell, Interrupted, print } from "./output.js";
import { finishTask, runTask, stopTasks, Task } from "./task.js";

/** Ids of messages whose handlers have not returned yet. */
const pending = new Set<string>();

/** The module of comms that cells import: it runs in their realm. */
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
      const task = new Task();
      const run = (): void =>
        void runTask(task, async () => {
          try {
            await fn();
          } catch (error) {
            if (error instanceof Interrupted || task.controller.signal.aborted) return;
            print("stderr", `${failureOf(error).traceback.join("\n")}\n`);
          }
        }).then(() => finishTask(task));
      if (key === undefined) run();
      else cellOf.run(key, run);
    },
  });
}

/** Handles a message of the front end, and reports it as done: the front end holds the next change back until then. */
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

/** The stop button: aborts the signals of handlers, and reports those as done that were terminated while they ran. */
export function stopHandlers(): void {
  stopTasks();
  for (const id of pending) done(id);
}
