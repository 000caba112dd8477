/** The thread on which pictures are drawn, so that a running cell's updates never wait for one. */
import { parentPort } from "node:worker_threads";
import { type Drawing, draw } from "./draw.js";

export interface PictureRequest {
  readonly id: number;
  readonly drawing: Drawing;
}

parentPort!.on("message", ({ id, drawing }: PictureRequest) => {
  draw(drawing).then(
    (picture) => parentPort!.postMessage({ id, picture }),
    (error: unknown) =>
      parentPort!.postMessage({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
