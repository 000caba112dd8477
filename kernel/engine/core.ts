/**
 * The engine's own code, which runs in a realm of its own. Requests come in on one pipe, outputs and results leave on another; requests to
 * stop come on a third, which a thread of its own reads (watch.ts). Nothing here knows the Jupyter protocol.
 */
import type { EngineRequest } from "../messages.js";
import { cells } from "./cell-realm.js";
import { type CellComms, handleComm, installComms, stopHandlers } from "./comm-handlers.js";
import { deno } from "./deno.js";
import { installNotebook } from "./display.js";
import { failureOf, installStackTraces, unmarkCaught } from "./errors.js";
import { emit, exit } from "./events.js";
import { handleInput, installInput } from "./input.js";
import { hideBookkeeping, Interrupted, print } from "./output.js";
import { openRequests } from "./requests.js";
import { atEnd, beforeEachCell, currentExecution, currentSignal, runCell, setResult, stopCell } from "./run.js";
import { SERVICES, services } from "./services.js";
import { installStreams } from "./standard-streams.js";
import { markQuitting, watchStops } from "./stop.js";

/** What belongs to the cells' realm, handed over by main.ts. */
export interface CellModules {
  /** The file of the thread that reads stop requests. */
  readonly watch: URL;
  /** What a cell's imports call after it was rewritten. */
  readonly imports: {
    readonly load: unknown;
    readonly pick: unknown;
    readonly require: unknown;
    readonly whole: unknown;
    readonly module: unknown;
    readonly meta: { readonly dirname: string; readonly filename: string };
  };
  readonly comms: CellComms;
}

export function start({ watch, imports, comms }: CellModules): void {
  installStackTraces(beforeEachCell);
  hideBookkeeping();
  installStreams();
  installNotebook({ signal: currentSignal, cell: currentExecution, atEnd });
  installInput();
  installComms(comms);
  Object.defineProperty(cells.global, SERVICES, { value: Object.freeze(services) });

  // What a rewritten cell calls (language/rewrite.ts).
  const hooks = Object.freeze({ ...imports, result: setResult, caught: unmarkCaught, deno });
  Object.defineProperty(cells.global, "__sparselab__", { value: hooks, enumerable: false });
  const { dirname, filename } = imports.meta;
  Object.assign(cells.global, { require: imports.require, __dirname: dirname, __filename: filename });

  keepAlive();
  watchStops(
    watch,
    (forced) => {
      stopCell(forced ? "forced" : "asked");
      stopHandlers();
    },
    () => {
      markQuitting();
      exit(0);
    },
  );
  // The pipe closes when the server is gone. The watching thread sees that too and ends the cells' child processes meanwhile.
  openRequests(receive, () => setTimeout(() => exit(0), 1000));
  emit({ event: "ready" });
}

function receive(request: EngineRequest, buffers: readonly Uint8Array[]): void {
  // In a turn of its own: a stop unwinds everything below a cell. Without arguments, which Node would spread by the cells' iterators.
  if (request.op === "run") setImmediate(() => runCell(request));
  else if (request.op === "input") handleInput(request);
  else setImmediate(() => handleComm(request, buffers));
}

/** What a cell leaves behind (a timer, a forgotten promise) may fail later: the error is printed below that cell and the engine goes on. */
function keepAlive(): void {
  const report = (what: string) => (error: unknown) => {
    if (error instanceof Interrupted) return;
    try {
      print("stderr", `${what}: ${failureOf(error).traceback.join("\n")}\n`);
    } catch (refused) {
      if (!(refused instanceof Interrupted)) throw refused; // Errors of a stopped cell are dropped.
    }
  };
  const handlers = {
    uncaughtException: report("Uncaught"),
    unhandledRejection: report("Unhandled rejection"),
    // A later cell may await a promise of an earlier one. Without a listener Node warns that its rejection was handled late.
    rejectionHandled: () => {},
    // The server handles Ctrl-C in the terminal.
    SIGINT: () => {},
  };
  const { on, listeners } = process;
  // A test framework may remove all handlers: they are restored before each cell.
  beforeEachCell(() => {
    for (const [event, handler] of Object.entries(handlers)) {
      const there = Reflect.apply(listeners, process, [event]) as unknown[];
      if (!Reflect.apply(Array.prototype.includes, there, [handler])) Reflect.apply(on, process, [event, handler]);
    }
  });
}
