/**
 * Stop requests, between the main thread and the thread that reads them (watch.ts): counters in shared memory.
 */
import { Worker } from "node:worker_threads";
import { pin } from "./pin.js";

/** Indices into the shared memory. */
export const SHARED = {
  /** Stop requests that the main thread has handled. */
  answered: 0,
  /** Stop requests so far. */
  asked: 1,
  /** 1: the main thread blocks and polls for a stop itself; 2: it quits. Its script must not be terminated then. */
  waiting: 2,
  /** When the running cell began: the process's uptime in hundredths of a second. */
  began: 3,
  size: 4,
} as const;

export interface WatchMessage {
  readonly type: "stop" | "quit";
  readonly request: number;
  /** A script had to be terminated. */
  readonly forced: boolean;
}

const shared = new Int32Array(new SharedArrayBuffer(4 * SHARED.size));

/** Whether there is a stop request that the main thread has not handled. */
export function stopAsked(): boolean {
  return Atomics.load(shared, SHARED.asked) > Atomics.load(shared, SHARED.answered);
}

export function setPollsForStops(waits: boolean): void {
  Atomics.store(shared, SHARED.waiting, waits ? 1 : 0);
}

/** The process exits by itself: its `exit` handlers must not be interrupted. */
export function markQuitting(): void {
  Atomics.store(shared, SHARED.waiting, 2);
}

const uptime = process.uptime.bind(process);

/** Called when a cell begins. */
export function markCellStart(): void {
  Atomics.store(shared, SHARED.began, Math.floor(uptime() * 100));
}

/** Starts the thread that reads stop requests. */
export function watchStops(thread: URL, stop: (forced: boolean) => void, quit: () => void): void {
  const watch = pin(new Worker(thread, { workerData: { shared } }));
  watch.on("message", ({ type, request, forced }: WatchMessage) => {
    if (type === "quit") return quit();
    // The thread may terminate this very function; it asks again until the counter shows that the function has finished.
    if (Atomics.load(shared, SHARED.answered) < request) stop(forced);
    Atomics.store(shared, SHARED.answered, request);
    Atomics.notify(shared, SHARED.answered);
  });
  watch.unref();
}
