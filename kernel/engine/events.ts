/**
 * Events to the server: one pipe, written synchronously, so that streams, displays and results keep their order and arrive while a cell
 * computes.
 */
import { writeSync } from "node:fs";
import type { EngineEvent } from "../messages.js";
import { encodeFrame } from "../pipe.js";

export const REQUEST_FD = 3;
export const EVENT_FD = 4;
export const STOP_FD = 5;

/** `process.exit` from before the first cell: user code may replace it. */
export const exit = process.exit.bind(process);

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Writes all of `data`. While the pipe is full it blocks, and tries again each millisecond. */
export function writeAll(fd: number, data: Uint8Array): void {
  for (let done = 0; done < data.length; ) {
    try {
      done += writeSync(fd, data, done);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "EPIPE" && fd === EVENT_FD) {
        sleep(1000); // The server is gone: the watching thread ends the cells' child processes, and then this process.
        exit(1);
      }
      if (code !== "EAGAIN") throw error;
      sleep(1);
    }
  }
}

/** Blocks the thread for `ms` milliseconds. */
export function sleep(ms: number): void {
  Atomics.wait(sleeper, 0, 0, ms);
}

export function emit(event: EngineEvent, buffers?: readonly Uint8Array[]): void {
  writeAll(EVENT_FD, encodeFrame(event, buffers));
}
