/**
 * Requests from the server. They are read as they come. `waitForRequest` reads them synchronously, for a cell that prompts the user without
 * `await`; other requests that come meanwhile are handled afterwards, in order.
 */
import { readSync } from "node:fs";
import { Socket } from "node:net";
import type { EngineRequest } from "../messages.js";
import { type Frame, FrameReader } from "../pipe.js";
import { exit, REQUEST_FD, sleep } from "./events.js";
import { pin } from "./pin.js";
import { setPollsForStops, stopAsked } from "./stop.js";

type Handler = (request: EngineRequest, buffers: readonly Uint8Array[]) => void;

const reader = new FrameReader<EngineRequest>();
/** Requests that `waitForRequest` read and that are still to be handled. */
const deferred: Frame<EngineRequest>[] = [];
let handle: Handler = () => {};

export function openRequests(handler: Handler, closed: () => void): void {
  handle = handler;
  const socket = pin(new Socket({ fd: REQUEST_FD, readable: true, writable: false }));
  socket.on("data", (chunk: Uint8Array) => {
    for (const { message, buffers } of reader.push(chunk)) handle(message, buffers);
  });
  socket.on("close", closed);
}

/** Milliseconds between two reads of an empty pipe. */
const POLL = 5;

/** Blocks until a request that is `wanted` comes; undefined where the stop button was pressed first. */
export function waitForRequest<R extends EngineRequest>(wanted: (request: EngineRequest) => request is R): R | undefined {
  const chunk = new Uint8Array(1 << 16);
  let found: R | undefined;
  setPollsForStops(true);
  try {
    while (!found && !stopAsked()) {
      const read = readSome(chunk);
      if (read === 0) {
        sleep(1000); // The server is gone: the watching thread ends this process.
        exit(0);
      }
      if (read === undefined) {
        sleep(POLL);
        continue;
      }
      for (const frame of reader.push(chunk.slice(0, read))) {
        if (!found && wanted(frame.message)) found = frame.message;
        else deferred.push(frame);
      }
    }
    return found;
  } finally {
    setPollsForStops(false);
    if (deferred.length) setImmediate(handleDeferred);
  }
}

function handleDeferred(): void {
  for (const { message, buffers } of deferred.splice(0)) handle(message, buffers);
}

/** How many bytes were read; undefined where none have come yet. */
function readSome(into: Uint8Array): number | undefined {
  try {
    return readSync(REQUEST_FD, into);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return undefined;
    throw error;
  }
}
