/**
 * Frames on the pipes between the server and the engine: one JSON message and the raw buffers that belong to it.
 * Layout, little endian: u32 bytes that follow · u32 bytes of JSON · JSON · buffers. The JSON's `buffers` lists their lengths.
 */

export interface Frame<M> {
  readonly message: M;
  readonly buffers: readonly Buffer[];
}

export function encodeFrame(message: object, buffers: readonly Uint8Array[] = []): Buffer {
  const json = Buffer.from(JSON.stringify(buffers.length ? { ...message, buffers: buffers.map((b) => b.byteLength) } : message));
  const head = Buffer.allocUnsafe(8);
  head.writeUInt32LE(4 + json.length + buffers.reduce((n, b) => n + b.byteLength, 0), 0);
  head.writeUInt32LE(json.length, 4);
  return Buffer.concat([head, json, ...buffers]);
}

/** Cuts a stream of chunks into frames. Chunks are joined once per frame, so a frame of 50 MB costs one copy. */
export class FrameReader<M> {
  #chunks: Buffer[] = [];
  #held = 0;

  *push(chunk: Buffer): Generator<Frame<M>> {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    for (;;) {
      if (this.#held < 4) return;
      if (this.#chunks[0]!.length < 4) this.#chunks = [Buffer.concat(this.#chunks)];
      const need = 4 + this.#chunks[0]!.readUInt32LE(0);
      if (this.#held < need) return;
      const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#held);
      this.#held -= need;
      this.#chunks = this.#held ? [all.subarray(need)] : [];
      const jsonEnd = 8 + all.readUInt32LE(4);
      const message = JSON.parse(all.toString("utf8", 8, jsonEnd)) as M & { buffers?: number[] };
      let at = jsonEnd;
      const buffers = (message.buffers ?? []).map((length) => {
        at += length;
        return all.subarray(at - length, at);
      });
      yield { message, buffers };
    }
  }
}
