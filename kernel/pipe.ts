/**
 * Frames on the pipes between server and engine: a JSON message and the raw buffers that belong to it.
 * Layout, little endian: u32 bytes that follow · u32 bytes of JSON · JSON · buffers. The JSON's `buffers` lists their lengths.
 */

export interface Frame<M> {
  readonly message: M;
  readonly buffers: readonly Uint8Array[];
}

// Methods of Buffer are not used: in the engine, a cell may have replaced them.
const encoder = new TextEncoder();
const encode = encoder.encode.bind(encoder);
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const decode = decoder.decode.bind(decoder);
const view = (b: Uint8Array): Uint8Array => new Uint8Array(b.buffer, b.byteOffset, b.byteLength);
const u32 = (b: Uint8Array, at: number): number => new DataView(b.buffer, b.byteOffset, b.byteLength).getUint32(at, true);

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}

export function encodeFrame(message: object, buffers: readonly Uint8Array[] = []): Uint8Array {
  const json = encode(JSON.stringify(buffers.length ? { ...message, buffers: buffers.map((b) => b.byteLength) } : message));
  const head = new Uint8Array(8);
  const numbers = new DataView(head.buffer);
  numbers.setUint32(0, 4 + json.byteLength + buffers.reduce((n, b) => n + b.byteLength, 0), true);
  numbers.setUint32(4, json.byteLength, true);
  return concat([head, json, ...buffers]);
}

/** Splits a stream of chunks into frames. Chunks are joined once per frame, so a frame of 50 MB is copied once. */
export class FrameReader<M> {
  #chunks: Uint8Array[] = [];
  #held = 0;

  *push(chunk: Uint8Array): Generator<Frame<M>> {
    this.#chunks.push(view(chunk));
    this.#held += chunk.byteLength;
    for (;;) {
      if (this.#held < 4) return;
      if (this.#chunks[0]!.length < 4) this.#chunks = [concat(this.#chunks)];
      const need = 4 + u32(this.#chunks[0]!, 0);
      if (this.#held < need) return;
      const all = this.#chunks.length === 1 ? this.#chunks[0]! : concat(this.#chunks);
      this.#held -= need;
      this.#chunks = this.#held ? [all.subarray(need)] : [];
      const jsonEnd = 8 + u32(all, 4);
      const message = JSON.parse(decode(all.subarray(8, jsonEnd))) as M & { buffers?: number[] };
      let at = jsonEnd;
      const buffers = (message.buffers ?? []).map((length) => {
        at += length;
        return all.subarray(at - length, at);
      });
      yield { message, buffers };
    }
  }
}
