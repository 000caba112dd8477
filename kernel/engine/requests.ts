/**
 * Requests of the server on their way in. They are read as they come; and `waitForRequest` reads them in place, for a cell that asks
 * the user without `await`. What else comes meanwhile is dealt with afterwards, in order.
 */
import { readSync } from "node:fs";
import { Socket } from "node:net";
import type { EngineRequest } from "../messages.js";
import { type Frame, FrameReader } from "../pipe.js";
import { exit, REQUEST_FD, sleep } from "./events.js";
import { pin } from "./pin.js";
import { stopAsked, waitingInPlace } from "./stop.js";

type Handler = (request: EngineRequest, buffers: readonly Uint8Array[]) => void;

const reader = new FrameReader<EngineRequest>();
/** Read in place, and not dealt with yet. */
const kept: Frame<EngineRequest>[] = [];
let handle: Handler = () => {};

export function openRequests(handler: Handler, closed: () => void): void {
  handle = handler;
  const socket = pin(new Socket({ fd: REQUEST_FD, readable: true, writable: false }));
  socket.on("data", (chunk: Uint8Array) => {
    for (const { message, buffers } of reader.push(chunk)) handle(message, buffers);
  });
  socket.on("close", closed);
}

/** Milliseconds between two looks at the pipe. */
const LOOK = 5;

/** Waits in place for a request; undefined where the stop button was pressed first. */
export function waitForRequest<R extends EngineRequest>(wanted: (request: EngineRequest) => request is R): R | undefined {
  const chunk = new Uint8Array(1 << 16);
  let found: R | undefined;
  waitingInPlace(true);
  try {
    while (!found && !stopAsked()) {
      const read = readSome(chunk);
      if (read === 0) {
        sleep(1000); // The server is gone, as the other thread knows.
        exit(0);
      }
      if (read === undefined) {
        sleep(LOOK);
        continue;
      }
      for (const frame of reader.push(chunk.slice(0, read))) {
        if (!found && wanted(frame.message)) found = frame.message;
        else kept.push(frame);
      }
    }
    return found;
  } finally {
    waitingInPlace(false);
    if (kept.length) setImmediate(dealWithKept);
  }
}

function dealWithKept(): void {
  for (const { message, buffers } of kept.splice(0)) handle(message, buffers);
}

/** Bytes read; undefined where there are none yet. */
function readSome(into: Uint8Array): number | undefined {
  try {
    return readSync(REQUEST_FD, into);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return undefined;
    throw error;
  }
}
