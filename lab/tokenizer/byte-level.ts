/**
 * GPT-2's way to write any bytes as text: each byte is a visible character, itself where it is one in Latin-1, else from U+0100 on. The pieces of a
 * byte-level vocabulary, and its merges, are written so.
 */

/** A character of each byte, as the byte string of its UTF-8. */
const written: string[] = [];
/** The byte that a character writes. */
const byteOf = new Map<number, number>();
const visible = (byte: number) => (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
for (let byte = 0, next = 0x100; byte < 256; byte++) {
  const code = visible(byte) ? byte : next++;
  written.push(Buffer.from(String.fromCharCode(code), "utf8").toString("latin1"));
  byteOf.set(code, byte);
}

/** A byte string as a vocabulary writes it. */
export function writtenBytes(bytes: string): string {
  let out = "";
  for (let i = 0; i < bytes.length; i++) out += written[bytes.charCodeAt(i)]!;
  return out;
}

/** The bytes of a piece. Characters that write no byte (a special text has them) stand for themselves. */
export function readBytes(piece: string): Uint8Array {
  const out: number[] = [];
  for (const char of Buffer.from(piece, "latin1").toString("utf8")) {
    const byte = byteOf.get(char.codePointAt(0)!);
    if (byte === undefined) out.push(...Buffer.from(char, "utf8"));
    else out.push(byte);
  }
  return Uint8Array.from(out);
}
