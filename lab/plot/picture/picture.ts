/**
 * The static picture of a figure, drawn on a separate thread. The thread starts with the first picture, sleeps between pictures, and ends
 * after a minute without one; while idle it does not keep the process alive.
 */
import { Worker } from "node:worker_threads";
import type { Drawing, Picture } from "./draw.js";
import type { PictureRequest } from "./worker.js";

export type { Picture } from "./draw.js";

/** Width of a static picture where the figure's layout gives none, in CSS pixels. */
export const pictureWidth = 800;
const idleMs = 60_000;

interface Answer {
  readonly id: number;
  readonly picture?: Picture;
  readonly error?: string;
}
interface Waiting {
  resolve(picture: Picture): void;
  reject(error: Error): void;
}

let worker: Worker | undefined;
let idle: NodeJS.Timeout | undefined;
let next = 0;
const waiting = new Map<number, Waiting>();

export async function drawPicture(figure: { readonly data: readonly object[]; readonly layout: object }): Promise<Picture> {
  const { width, height } = figure.layout as { width?: number; height?: number };
  const json = JSON.stringify({ data: figure.data, layout: figure.layout });
  const drawing: Drawing = { json, width: width ?? pictureWidth, height: height ?? 450 };
  // With TypeScript sources (unit tests) there is no compiled worker: the same code draws on this thread.
  if (import.meta.url.endsWith(".ts")) return (await import("./draw.js")).draw(drawing);
  return onThread(drawing);
}

function onThread(drawing: Drawing): Promise<Picture> {
  clearTimeout(idle);
  worker ??= start();
  worker.ref();
  const id = next++;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    const request: PictureRequest = { id, drawing };
    worker!.postMessage(request);
  });
}

function start(): Worker {
  const started = new Worker(new URL("./worker.js", import.meta.url));
  started.on("message", ({ id, picture, error }: Answer) => {
    const asked = waiting.get(id);
    waiting.delete(id);
    if (picture) asked?.resolve(picture);
    else asked?.reject(new Error(`the static picture of a figure could not be drawn: ${error}`));
    if (waiting.size === 0) rest(started);
  });
  const ended = (error: Error) => {
    if (worker !== started) return;
    worker = undefined;
    for (const asked of waiting.values()) asked.reject(error);
    waiting.clear();
  };
  started.on("error", ended);
  started.on("exit", (code) => ended(new Error(`the thread that draws pictures ended with code ${code}`)));
  return started;
}

/** Nothing to draw: lets the process end, and frees the memory after a while. */
function rest(resting: Worker): void {
  resting.unref();
  idle = setTimeout(() => {
    if (waiting.size > 0) return;
    if (worker === resting) worker = undefined;
    void resting.terminate();
  }, idleMs);
  idle.unref();
}
