/** How the texts between special texts become tokens: by the pieces of SentencePiece, or byte by byte. */
import type { Token } from "./vocabulary.js";

export interface PartEncoder {
  /**
   * Appends the ids of a byte string, in steps of about a millisecond.
   * @param prefix a space goes in front
   */
  steps(text: string, prefix: boolean, out: Token[]): Generator<void, void, void>;
  /** A byte string as the vocabulary writes it in a piece. */
  written(text: string): string;
  /** Whether the tokens of the text before a place, and of the text from it on, are those of the whole, whatever stands further away. */
  cutsAt(text: string, at: number): boolean;
}

/** Runs all steps at once. */
export function finish<T>(steps: Generator<void, T, void>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
