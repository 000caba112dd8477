/**
 * A long text to tokens, slice by slice, with the ids of the whole text. The text is cut only where no token can span the cut:
 *   - no special text that is matched spans the cut, and no whitespace that a special text eats;
 *   - the encoder cuts there (`PartEncoder.cutsAt`), or a special text that is matched ends there.
 * BOS and the space prefix belong to the first slice: the next ones go on where it ended. A text without such a place is encoded as one,
 * but still in small steps, so that the JavaScript thread is not blocked and a stop is noticed.
 */
import { LabError } from "../errors.js";
import type { PartEncoder } from "./part-encoder.js";
import { isSpace, type Part, type Partition, type Special } from "./partition.js";
import { byteString, type Token } from "./vocabulary.js";

/** Bytes that are looked at between two yields. */
const LOOK = 2 ** 14;
/** A text without a cut is one string while it is encoded, of which V8 holds 512 MiB, and a space takes 3 bytes. */
const LONGEST = 2 ** 27;
/** Beyond this no more cuts are sought that need all specials of the text before them. */
const SPECIAL_CUTS = 2 ** 20;

export interface Slices {
  /** More of the text: whole characters. */
  add(text: string): void;
  /**
   * Encodes what may be encoded, in steps of about a millisecond; take the tokens from `out` at each yield, or later.
   * @param last no more text follows
   * @throws LabError out-of-memory, bad-file as `encode` does
   */
  steps(last: boolean): Generator<void, void, void>;
  /** Tokens found so far, in order; the reader may take them out. */
  readonly out: Token[];
}

export interface SliceSettings {
  readonly encoder: PartEncoder;
  /** The special texts that are matched. */
  readonly partition: Partition;
  readonly spacePrefix: boolean;
  /** Tokens in front of every text (BOS), and behind it. */
  readonly before: readonly Token[];
  readonly after: readonly Token[];
}

export class EncodeSlices implements Slices {
  readonly out: Token[];
  readonly #after: readonly Token[];
  readonly #encoder: PartEncoder;
  readonly #partition: Partition;
  readonly #spacePrefix: boolean;
  readonly #eats: boolean;
  /** Bytes behind a place that decide whether it is a cut. */
  readonly #margin: number;
  /** Special texts by two neighbouring bytes of theirs: only these may span a place between such bytes. */
  readonly #across = new Map<number, Special[]>();
  /** Special texts by their last byte. */
  readonly #endings = new Map<number, Special[]>();
  /** Text without a cut, and behind it the text that is looked at: up to #looked there is no cut in it. */
  #held: string[] = [];
  #heldBytes = 0;
  #window = "";
  #looked = 0;
  /** Whether the next part begins a text or follows a special token: such a part gets the space prefix. */
  #afterSpecial = true;

  constructor({ encoder, partition, spacePrefix, before, after }: SliceSettings) {
    this.out = [...before];
    this.#after = after;
    this.#encoder = encoder;
    this.#partition = partition;
    const { specials } = partition;
    this.#spacePrefix = spacePrefix;
    this.#eats = specials.some(({ eatsSpace }) => eatsSpace);
    this.#margin = specials.reduce((most, { text }) => Math.max(most, text.length), 4);
    const put = (map: Map<number, Special[]>, key: number, special: Special) => {
      const list = map.get(key);
      if (!list) map.set(key, [special]);
      else if (list.at(-1) !== special) list.push(special);
    };
    for (const special of specials) {
      const { text } = special;
      for (let i = 1; i < text.length; i++) put(this.#across, text.charCodeAt(i - 1) * 256 + text.charCodeAt(i), special);
      if (text.length > 0) put(this.#endings, text.charCodeAt(text.length - 1), special);
    }
  }

  add(text: string): void {
    this.#window += byteString(text);
  }

  *steps(last: boolean): Generator<void, void, void> {
    if (last) {
      const text = this.#take(this.#window.length);
      yield* this.#encode(yield* this.#partition.of(text));
      this.out.push(...this.#after);
      return;
    }
    const limit = this.#window.length - this.#margin;
    const { cut, special } = yield* this.#find(limit);
    if (cut > 0) {
      const rest = limit - cut;
      yield* this.#encode(yield* this.#partition.of(this.#take(cut)));
      this.#looked = Math.max(0, rest);
      return;
    }
    if (special > 0 && this.#heldBytes < SPECIAL_CUTS) {
      const text = this.#held.join("") + this.#window.slice(0, special);
      const parts = yield* this.#partition.of(text);
      if (typeof parts.at(-1) === "number") {
        this.#take(special);
        this.#looked = Math.max(0, limit - special);
        yield* this.#encode(parts);
        return;
      }
    }
    if (limit > this.#looked) this.#looked = limit;
    this.#hold();
  }

  /** Puts what was looked at aside, but for the bytes that the next places need before them. */
  #hold(): void {
    const from = this.#looked - this.#margin - 4;
    if (from <= 0) return;
    this.#held.push(this.#window.slice(0, from));
    this.#heldBytes += from;
    this.#window = this.#window.slice(from);
    this.#looked -= from;
    if (this.#heldBytes > LONGEST) throw this.#tooLong();
  }

  /** All text up to a place of the window; the window continues after it. */
  #take(at: number): string {
    if (this.#heldBytes + at > LONGEST) throw this.#tooLong();
    const text = this.#held.join("") + this.#window.slice(0, at);
    this.#held = [];
    this.#heldBytes = 0;
    this.#window = this.#window.slice(at);
    this.#looked = 0;
    return text;
  }

  #tooLong(): LabError {
    return new LabError(
      "out-of-memory",
      `the text has ${LONGEST} bytes without a place where it can be cut: its tokens would need more memory than there is. Put spaces or line ends into it`,
    );
  }

  /**
   * The last cut of the window up to `limit`, and where there is none, the last place at which a special text ends; 0 where there is none.
   */
  *#find(limit: number): Generator<void, { readonly cut: number; readonly special: number }, void> {
    let special = 0;
    let since = 0;
    for (let at = limit; at > this.#looked; at--) {
      if (++since === LOOK) {
        since = 0;
        yield;
      }
      const next = this.#window.charCodeAt(at);
      if ((next & 0xc0) === 0x80) continue;
      if (at === 0 || (this.#eats && isSpace(next))) continue;
      if (this.#encoder.cutsAt(this.#window, at)) {
        if (!this.#spanned(at)) return { cut: at, special };
      } else if (special === 0 && this.#endsSpecial(at) && !this.#spanned(at)) special = at;
    }
    return { cut: 0, special };
  }

  #endsSpecial(at: number): boolean {
    const ending = this.#endings.get(this.#window.charCodeAt(at - 1));
    return ending?.some(({ text }) => text.length <= at && this.#window.startsWith(text, at - text.length)) ?? false;
  }

  /** Whether a special text spans a place, matched or not. */
  #spanned(at: number): boolean {
    const text = this.#window;
    const across = this.#across.get(text.charCodeAt(at - 1) * 256 + text.charCodeAt(at));
    return (
      across?.some((special) => {
        const reach = special.text.length - 1;
        return text.slice(Math.max(0, at - reach), at + reach).includes(special.text);
      }) ?? false
    );
  }

  *#encode(parts: readonly Part[]): Generator<void, void, void> {
    for (const part of parts) {
      if (typeof part === "number") this.out.push(part);
      else yield* this.#encoder.steps(part, this.#afterSpecial && this.#spacePrefix, this.out);
      this.#afterSpecial = typeof part === "number";
    }
  }
}
