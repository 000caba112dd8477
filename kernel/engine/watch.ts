/**
 * The engine's second thread: hears the server's stop request while the main thread computes.
 *
 * First it asks the main thread, which aborts the cell's signal; where the main thread does not answer, a loop keeps it from its messages, and V8
 * is told to end the script it runs. This holds in a loop, after an `await`, in a timer's callback. The end of the pipe means that the
 * server is gone: no orphan stays behind.
 */
import { Session } from "node:inspector";
import { Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { STOP_FD } from "./events.js";

export interface StopMessage {
  readonly request: number;
  /** A script had to be ended. */
  readonly forced: boolean;
}

/** [0] counts the stop requests that the main thread has dealt with. */
const answered = (workerData as { answered: Int32Array }).answered;
let asked = 0;

/** Milliseconds that the main thread has to answer before its script is ended. */
const PATIENCE = 40;
/** Attempts; the server ends the process before they run out. */
const ATTEMPTS = 60;

function terminate(): void {
  const session = new Session();
  session.connectToMainThread();
  session.post("Runtime.terminateExecution", () => session.disconnect());
}

async function stop(): Promise<void> {
  const mine = ++asked;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    parentPort!.postMessage({ request: mine, forced: attempt > 0 } satisfies StopMessage);
    const waited = Atomics.wait(answered, 0, mine - 1, PATIENCE);
    if (waited !== "timed-out" || Atomics.load(answered, 0) >= mine) return;
    terminate();
    await new Promise((done) => setTimeout(done, 5));
  }
}

const pipe = new Socket({ fd: STOP_FD, readable: true, writable: false });
let queue = Promise.resolve();
pipe.on("data", (bytes: Buffer) => {
  for (let i = 0; i < bytes.length; i++) queue = queue.then(stop);
});
pipe.on("close", () => process.kill(process.pid, "SIGKILL"));
pipe.on("error", () => process.kill(process.pid, "SIGKILL"));
// The first connection takes a while: not when somebody waits for it.
const first = new Session();
first.connectToMainThread();
first.disconnect();
