/**
 * The engine: the process that runs the cells. Requests come in on one pipe, outputs and results leave on another, a stop request comes
 * on a third, to a thread of its own. Nothing here speaks the Jupyter protocol.
 */
import { Socket } from "node:net";
import { Worker } from "node:worker_threads";
import type { EngineRequest } from "../messages.js";
import { FrameReader } from "../pipe.js";
import { handleComm, installComms, stopHandlers } from "./comms.js";
import { installNotebook } from "./display.js";
import { failureOf, installStackTraces } from "./errors.js";
import { emit, REQUEST_FD } from "./events.js";
import { handleInput, installInput } from "./input.js";
import { cellMeta, cellModule, cellRequire, load, loadWhole, pick } from "./modules.js";
import { captureOutput, Interrupted } from "./output.js";
import { atEnd, currentExecution, currentSignal, runCell, setResult, stopCell } from "./run.js";
import type { StopMessage } from "./watch.js";

installStackTraces();
captureOutput();
installNotebook({ signal: currentSignal, cell: currentExecution, atEnd });
installInput();
installComms();

// What a rewritten cell calls (language/rewrite.ts).
const imports = { load, pick, require: cellRequire, whole: loadWhole, module: cellModule, meta: cellMeta };
const hooks = Object.freeze({ ...imports, result: setResult });
Object.defineProperty(globalThis, "__sparselab__", { value: hooks, enumerable: false });
Object.assign(globalThis, { require: cellRequire, __dirname: cellMeta.dirname, __filename: cellMeta.filename });

// What a cell leaves behind (a timer, a forgotten promise) may fail later: say so where that cell is, and go on.
const report = (what: string) => (error: unknown) => {
  if (error instanceof Interrupted) return;
  try {
    process.stderr.write(`${what}: ${failureOf(error).traceback.join("\n")}\n`);
  } catch (refused) {
    if (!(refused instanceof Interrupted)) throw refused; // What a stopped cell leaves behind is of no interest.
  }
};
process.on("uncaughtException", report("Uncaught"));
process.on("unhandledRejection", report("Unhandled rejection"));
// Ctrl-C in the terminal is the server's to understand.
process.on("SIGINT", () => {});

const answered = new Int32Array(new SharedArrayBuffer(4));
const watch = new Worker(new URL("./watch.js", import.meta.url), { workerData: { answered } });
watch.on("message", ({ request, forced }: StopMessage) => {
  // A script may be ended again while this runs; it is asked again until the count says that it came to its end.
  if (Atomics.load(answered, 0) < request) {
    stopCell(forced ? "forced" : "asked");
    stopHandlers();
  }
  Atomics.store(answered, 0, request);
  Atomics.notify(answered, 0);
});
watch.unref();

const reader = new FrameReader<EngineRequest>();
const requests = new Socket({ fd: REQUEST_FD, readable: true, writable: false });
requests.on("data", (chunk: Buffer) => {
  for (const { message, buffers } of reader.push(chunk)) {
    // In a turn of its own: a stop unwinds everything below a cell.
    if (message.op === "run") setImmediate(runCell, message);
    else if (message.op === "input") handleInput(message);
    else setImmediate(handleComm, message, buffers);
  }
});
requests.on("close", () => process.exit(0));

emit({ event: "ready" });
