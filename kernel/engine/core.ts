/**
 * The engine's own code, from here on in a realm of its own. Requests come in on one pipe, outputs and results leave on another, a
 * request to stop comes on a third, to a thread of its own. Nothing here speaks the Jupyter protocol.
 */
import type { EngineRequest } from "../messages.js";
import { cells } from "./cell-realm.js";
import { type CellComms, handleComm, installComms, stopHandlers } from "./comms.js";
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
import { quitting, watchStops } from "./stop.js";

export interface Given {
  /** The file of the thread that hears stop requests. */
  readonly watch: URL;
  /** What the imports of a cell become. */
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

export function start({ watch, imports, comms }: Given): void {
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
      quitting();
      exit(0);
    },
  );
  // The end of this pipe means that the server is gone: the watching thread sees it too, and clears up.
  openRequests(receive, () => setTimeout(() => exit(0), 1000));
  emit({ event: "ready" });
}

function receive(request: EngineRequest, buffers: readonly Uint8Array[]): void {
  // In a turn of its own: a stop unwinds everything below a cell. Without arguments, which Node spreads by the cells' iterators.
  if (request.op === "run") setImmediate(() => runCell(request));
  else if (request.op === "input") handleInput(request);
  else setImmediate(() => handleComm(request, buffers));
}

/** What a cell leaves behind (a timer, a forgotten promise) may fail later: say so where that cell is, and go on. */
function keepAlive(): void {
  const report = (what: string) => (error: unknown) => {
    if (error instanceof Interrupted) return;
    try {
      print("stderr", `${what}: ${failureOf(error).traceback.join("\n")}\n`);
    } catch (refused) {
      if (!(refused instanceof Interrupted)) throw refused; // What a stopped cell leaves behind is of no interest.
    }
  };
  const handlers = {
    uncaughtException: report("Uncaught"),
    unhandledRejection: report("Unhandled rejection"),
    // One cell starts what a later one awaits: without a listener Node warns that a failure was heard late.
    rejectionHandled: () => {},
    // Ctrl-C in the terminal is the server's to understand.
    SIGINT: () => {},
  };
  const { on, listeners } = process;
  // A test framework removes all handlers: before each cell they are put back.
  beforeEachCell(() => {
    for (const [event, handler] of Object.entries(handlers)) {
      const there = Reflect.apply(listeners, process, [event]) as unknown[];
      if (!Reflect.apply(Array.prototype.includes, there, [handler])) Reflect.apply(on, process, [event, handler]);
    }
  });
}
