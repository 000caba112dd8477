/**
 * Tokens to text, one at a time. Only whole characters are returned: the bytes of an incomplete character wait for the next token, and
 * bytes that cannot become a character are returned as U+FFFD, so no byte is lost.
 *
 * The space that encoding puts in front of a text (at the beginning, and after each special token) is removed again, exactly once.
 */
import { pieceBytes, pieceKind } from "./piece.js";
import type { SpecialVocabulary } from "./specials.js";
import type { Token } from "./vocabulary.js";

export interface TextStream {
  /** The characters that this token completes; "" while one is not complete. */
  push(token: Token): string;
  /** The incomplete character, as U+FFFD. The stream starts over. */
  flush(): string;
}

/**
 * A stream that goes on after the tokens `after` (a prompt): whether a leading space belongs to the text, and the first bytes of a
 * character that the prompt leaves incomplete, are known from them. Without them it is the start of a text.
 */
export class VocabularyTextStream implements TextStream {
  private readonly decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  private readonly spaceIsBytes: boolean;
  private strip: boolean;
  private first: boolean;

  constructor(
    private readonly vocabulary: SpecialVocabulary,
    after: readonly Token[] = [],
  ) {
    // Without a piece for it a space is written as the bytes of U+2581.
    this.spaceIsBytes = !vocabulary.bytePairs && !vocabulary.ids.has("\xe2\x96\x81");
    this.strip = vocabulary.addSpacePrefix;
    this.first = after.length === 0;
    // A character has at most four bytes: its beginning is in at most three tokens; the one before them decides about the leading space.
    const from = Math.max(0, after.length - 4);
    if (from > 0) this.strip = false;
    for (const token of after.slice(from)) this.push(token);
  }

  push(token: Token): string {
    const { vocabulary } = this;
    if (this.first) {
      this.first = false;
      if (vocabulary.addBos && token === vocabulary.bos) return "";
    }
    let text = this.decoder.decode(pieceBytes(vocabulary, token), { stream: true });
    if (pieceKind(vocabulary, token) === "special") {
      this.strip = vocabulary.addSpacePrefix;
      return text;
    }
    if (this.spaceIsBytes) text = text.replaceAll("▁", " ");
    if (this.strip && text !== "") {
      this.strip = false;
      if (text.startsWith(" ")) text = text.slice(1);
    }
    return text;
  }

  flush(): string {
    const text = this.decoder.decode();
    this.first = true;
    this.strip = this.vocabulary.addSpacePrefix;
    return text;
  }
}
