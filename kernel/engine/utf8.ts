/** Decodes UTF-8 that arrives in pieces: a character may begin in one and end in the next. */

/** How many bytes at the end of `bytes` are the beginning of an incomplete character: 0 to 3. */
export function incompleteTail(bytes: Uint8Array): number {
  const longest = Math.min(3, bytes.length);
  for (let back = 1; back <= longest; back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue; // A continuation byte: look further back for the first one.
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return byte <= 0xf4 && length > back ? back : 0;
  }
  return 0;
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const decode = decoder.decode.bind(decoder);

/** One stream of bytes. */
export class Utf8 {
  #held: Uint8Array = new Uint8Array(0);

  /** The text of these bytes, up to the last complete character. */
  write(bytes: Uint8Array): string {
    let all = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (this.#held.length) {
      const joined = new Uint8Array(this.#held.length + all.length);
      joined.set(this.#held);
      joined.set(all, this.#held.length);
      all = joined;
    }
    const whole = all.length - incompleteTail(all);
    this.#held = all.slice(whole);
    return whole ? decode(all.subarray(0, whole)) : "";
  }

  /** Ends the stream: U+FFFD for an incomplete character, or nothing. */
  end(): string {
    const held = this.#held;
    this.#held = new Uint8Array(0);
    return held.length ? decode(held) : "";
  }

  get empty(): boolean {
    return this.#held.length === 0;
  }
}
