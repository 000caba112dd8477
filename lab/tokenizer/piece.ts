/**
 * A piece of the vocabulary as bytes, and as a text to display. A piece is a byte (`<0xE4>`), a special text, or ordinary text, in which U+2581 is a
 * space, or each character a byte (byte-level.ts).
 */
import { readBytes } from "./byte-level.js";
import type { SpecialVocabulary } from "./specials.js";
import { kind, type Token } from "./vocabulary.js";

const SPACE = "\xe2\x96\x81"; // U+2581 as a byte string

export function pieceKind(vocabulary: SpecialVocabulary, token: Token): "byte" | "special" | "text" {
  if (vocabulary.byteOf[token]! >= 0) return "byte";
  if (!vocabulary.specialTokens.has(token)) return "text";
  if (vocabulary.bytePairs) return "special";
  // A user-defined piece with U+2581 in it comes from merging: texts are matched before their spaces are replaced.
  return vocabulary.kinds[token] === kind.userDefined && vocabulary.texts[token]!.includes(SPACE) ? "text" : "special";
}

/** The bytes that a piece adds to a text. */
export function pieceBytes(vocabulary: SpecialVocabulary, token: Token): Uint8Array {
  const is = pieceKind(vocabulary, token);
  if (is === "byte") return Uint8Array.of(vocabulary.byteOf[token]!);
  const text = vocabulary.texts[token]!;
  if (vocabulary.bytePairs && is === "text") return readBytes(text);
  return Buffer.from(is === "special" ? text : text.replaceAll(SPACE, " "), "latin1");
}

/** A piece to display: its text with its spaces; bytes that are not text by themselves as <0xE4>. */
export function showPiece(vocabulary: SpecialVocabulary, token: Token): string {
  const bytes = pieceBytes(vocabulary, token);
  try {
    return new TextDecoder("utf-8", { ignoreBOM: true, fatal: true }).decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`).join("");
  }
}
