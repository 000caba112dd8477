/**
 * The engine's second thread: reads the server's requests to stop or to quit while the main thread computes.
 *
 * 1. It asks the main thread, which aborts the cell's signal.
 * 2. Where that does not answer (a busy loop), it has V8 terminate the running script: in a loop, after an `await`, in a timer's callback.
 * 3. Where that does not help either, the main thread waits for a child process (`execSync`): the cell's children get a signal, at first
 *    SIGINT, at last SIGKILL.
 *
 * When the pipe closes the server is gone: the engine and all that the cells have started are ended.
 */
import { Session } from "node:inspector";
import { Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { descendants, endAll, KERNEL_MARK, signalAll } from "../processes.js";
import { STOP_FD } from "./events.js";
import { SHARED, type WatchMessage } from "./stop.js";

const { shared } = workerData as { shared: Int32Array };
/** Read now: a cell may change the environment. */
const mark = process.env[KERNEL_MARK] ?? "";

/** Milliseconds that the main thread has to answer before its script is terminated. */
const PATIENCE = 40;
/** The same after a request to quit. */
const QUIT_PATIENCE = 100;
/** Milliseconds that `exit` handlers have when the server is gone. */
const ORPHAN_PATIENCE = 500;
/** Most attempts; the server kills the process before they run out. */
const ATTEMPTS = 60;
/** The signal that the cell's children get, by the number of the attempt. */
const SIGNALS: Readonly<Record<number, NodeJS.Signals>> = { 4: "SIGINT", 14: "SIGTERM", 24: "SIGKILL" };

function terminate(): void {
  const session = new Session();
  session.connectToMainThread();
  session.post("Runtime.terminateExecution", () => session.disconnect());
}

const post = (message: WatchMessage): void => parentPort!.postMessage(message);
const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

async function stop(): Promise<void> {
  const mine = Atomics.add(shared, SHARED.asked, 1) + 1;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    post({ type: "stop", request: mine, forced: attempt > 0 });
    const waited = Atomics.wait(shared, SHARED.answered, mine - 1, PATIENCE);
    if (waited !== "timed-out" || Atomics.load(shared, SHARED.answered) >= mine) return;
    if (Atomics.load(shared, SHARED.waiting) === 0) terminate();
    const signal = SIGNALS[attempt];
    if (signal) signalAll(descendants(process.pid, Atomics.load(shared, SHARED.began) / 100), signal);
    await pause(5);
  }
}

/** Makes the process call `exit`, so that its `exit` handlers run. The server kills it after a while. */
async function quit(): Promise<void> {
  for (;;) {
    post({ type: "quit", request: 0, forced: false });
    await pause(QUIT_PATIENCE);
    // `exit` handlers are running: do not interrupt them.
    if (Atomics.load(shared, SHARED.waiting) === 2) return;
    terminate();
  }
}

const pipe = new Socket({ fd: STOP_FD, readable: true, writable: false });
let queue = Promise.resolve();
pipe.on("data", (bytes: Buffer) => {
  for (const byte of bytes) {
    if (byte === 0x71) void quit();
    else queue = queue.then(stop);
  }
});
/** The server is gone: kills what the cells have started, then ends this process, whose `exit` handlers still run. */
const orphaned = (): void => {
  endAll(mark, descendants(process.pid));
  void quit();
  setTimeout(() => process.kill(process.pid, "SIGKILL"), ORPHAN_PATIENCE);
};
pipe.on("close", orphaned);
pipe.on("error", orphaned);
// Connect early; the first connection is slow.
const first = new Session();
first.connectToMainThread();
first.disconnect();
