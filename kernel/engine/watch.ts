/**
 * The engine's second thread: hears the server's requests to stop or to quit while the main thread computes.
 *
 * First it asks the main thread, which aborts the cell's signal; where the main thread does not answer, a loop keeps it from its messages, and V8
 * is told to end the script it runs. This holds in a loop, after an `await`, in a timer's callback. Where that does not help either, it
 * waits for a child process (`execSync`): the children of the cell are told to end, more firmly each time. The end of the pipe means that the
 * server is gone: nothing stays behind.
 */
import { Session } from "node:inspector";
import { Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { descendants, endAll, KERNEL_MARK, signalAll } from "../processes.js";
import { STOP_FD } from "./events.js";
import { SHARED, type WatchMessage } from "./stop.js";

const { shared } = workerData as { shared: Int32Array };
/** Taken now: a cell may change its environment. */
const mark = process.env[KERNEL_MARK] ?? "";

/** Milliseconds that the main thread has to answer before its script is ended. */
const PATIENCE = 40;
/** The same, when it is asked to quit. */
const QUIT_PATIENCE = 100;
/** Milliseconds for handlers of `exit` when the server is gone. */
const ORPHAN_PATIENCE = 500;
/** Attempts; the server ends the process before they run out. */
const ATTEMPTS = 60;
/** At which attempt which signal goes to the children that the cell has started. */
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

/** Ends the process by its own `exit`, so that handlers of `exit` run; the server waits for so long and no longer. */
async function quit(): Promise<void> {
  for (;;) {
    post({ type: "quit", request: 0, forced: false });
    await pause(QUIT_PATIENCE);
    // Handlers of `exit` run: they are not to be ended.
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
/** The server is gone: what the cells have started ends, and then this process, which may still run its handlers of `exit`. */
const orphaned = (): void => {
  endAll(mark, descendants(process.pid));
  void quit();
  setTimeout(() => process.kill(process.pid, "SIGKILL"), ORPHAN_PATIENCE);
};
pipe.on("close", orphaned);
pipe.on("error", orphaned);
// The first connection takes a while: not when somebody waits for it.
const first = new Session();
first.connectToMainThread();
first.disconnect();
