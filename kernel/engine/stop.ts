/**
 * Stop requests between the main thread and the thread that hears them (watch.ts): numbers in memory that both see.
 */
import { Worker } from "node:worker_threads";
import { pin } from "./pin.js";

/** What stands where in the shared numbers. */
export const SHARED = {
  /** Stop requests that the main thread has dealt with. */
  answered: 0,
  /** Stop requests so far. */
  asked: 1,
  /** 1: the main thread waits in place and looks for a stop itself; 2: it quits. It must not be ended there. */
  waiting: 2,
  /** When the running cell began: hundredths of a second of this process's life. */
  began: 3,
  size: 4,
} as const;

export interface WatchMessage {
  readonly type: "stop" | "quit";
  readonly request: number;
  /** A script had to be ended. */
  readonly forced: boolean;
}

const shared = new Int32Array(new SharedArrayBuffer(4 * SHARED.size));

/** A stop that the main thread has not dealt with yet. */
export function stopAsked(): boolean {
  return Atomics.load(shared, SHARED.asked) > Atomics.load(shared, SHARED.answered);
}

export function waitingInPlace(waits: boolean): void {
  Atomics.store(shared, SHARED.waiting, waits ? 1 : 0);
}

/** The process ends by itself: it must not be ended before its handlers of `exit` have run. */
export function quitting(): void {
  Atomics.store(shared, SHARED.waiting, 2);
}

const uptime = process.uptime.bind(process);

/** Called when a cell begins. */
export function cellBegins(): void {
  Atomics.store(shared, SHARED.began, Math.floor(uptime() * 100));
}

/** Starts the thread that hears stop requests. */
export function watchStops(thread: URL, stop: (forced: boolean) => void, quit: () => void): void {
  const watch = pin(new Worker(thread, { workerData: { shared } }));
  watch.on("message", ({ type, request, forced }: WatchMessage) => {
    if (type === "quit") return quit();
    // A script may be ended again while this runs; it is asked again until the count says that it came to its end.
    if (Atomics.load(shared, SHARED.answered) < request) stop(forced);
    Atomics.store(shared, SHARED.answered, request);
    Atomics.notify(shared, SHARED.answered);
  });
  watch.unref();
}
