/** Comms in the engine: messages of the front end find their handlers, which run in the name of the cell that made the widget. */
import { receiveComm } from "../comms/comm.js";
import { connectHost } from "../comms/host.js";
import type { CommRequest } from "../messages.js";
import { failureOf } from "./errors.js";
import { emit } from "./events.js";
import { cellOf, currentCell, Interrupted } from "./output.js";
import { finishWork, runWork, stopWork, Work } from "./work.js";

/** Messages whose handlers have not returned yet. */
const pending = new Set<string>();

export function installComms(): void {
  connectHost({
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
            process.stderr.write(`${failureOf(error).traceback.join("\n")}\n`);
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
    receiveComm(type, content, { metadata, buffers, id });
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
