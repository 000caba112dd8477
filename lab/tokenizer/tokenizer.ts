/**
 * Text to tokens and back, with the vocabulary of the model's own file and llama.cpp's ids: SentencePiece ("llama" in the file) and byte-level BPE
 * ("gpt2"). Another kind is an error that says so.
 */
import { checkOptions, LabError } from "../errors.js";
import type { Loose } from "../literals.js";
import type { FileTable } from "../native.js";
import { received } from "../received.js";
import { BytePairs } from "./byte-pairs.js";
import { finish, type PartEncoder } from "./part-encoder.js";
import { showPiece } from "./piece.js";
import { SentencePieces } from "./sentence-pieces.js";
import { EncodeSlices, type Slices } from "./slices.js";
import { type SpecialVocabulary, withSpecials } from "./specials.js";
import { applyTemplate, type Message } from "./template.js";
import { type TextStream, VocabularyTextStream } from "./text-stream.js";
import { byteString, readVocabulary, type Token, textOf } from "./vocabulary.js";

export type TokenizerKind = "SentencePiece" | "byte-level BPE";

/** Text to tokens and back, with the vocabulary of the model's file: `model.tokenizer.encode("a text")`. */
export interface Tokenizer {
  /** "SentencePiece", or "byte-level BPE". */
  readonly kind: TokenizerKind;
  /** How byte-level BPE cuts a text into words: the file's tokenizer.ggml.pre, such as "llama-bpe". Null for SentencePiece. */
  readonly preTokenizer: string | null;
  readonly bos: Token | null;
  readonly eos: Token | null;
  /** Tokens after which nothing follows: eos and, where the vocabulary has them, the ends of a turn (`<|im_end|>` and the like). */
  readonly ends: ReadonlySet<Token>;
  /** Whether BOS is added in front of a text: with SentencePiece it is, with byte-level BPE it depends on the pre-tokenizer, unless the file says otherwise. */
  readonly addsBos: boolean;
  /** Whether EOS is added after a text: only where the file says so. */
  readonly addsEos: boolean;
  /** Pieces in the vocabulary. */
  readonly size: number;
  /**
   * bos, eos: default as the vocabulary says; `bos: false` alone omits both. special (default true): texts of special tokens become those tokens.
   * Half a surrogate pair is read as U+FFFD. U+2581 is SentencePiece's sign for a space, and is decoded as a space.
   */
  encode(text: string, options?: { bos?: boolean; eos?: boolean; special?: boolean }): readonly Token[];
  /** `decode(encode(x))` is x. Special tokens are written out, except the BOS and EOS that encode adds. Broken characters are U+FFFD. */
  decode(tokens: readonly Token[]): string;
  /** Each token as a text to display, with its spaces; bytes that are not text by themselves as `<0xE4>`. */
  pieces(text: string | readonly Token[]): readonly string[];
  /** The token of a text, without a space added in front; throws where it is not exactly one. */
  single(text: string): Token;
  /** The raw text of a conversation, for encode with its defaults. */
  template<const R extends Loose<Message["role"]>>(messages: readonly Message<R>[]): string;
}

class VocabularyTokenizer implements Tokenizer {
  constructor(
    readonly vocabulary: SpecialVocabulary,
    private readonly encoder: PartEncoder,
  ) {}
  get kind(): TokenizerKind {
    return this.vocabulary.bytePairs ? "byte-level BPE" : "SentencePiece";
  }
  get preTokenizer(): string | null {
    return this.vocabulary.bytePairs?.pre.name ?? null;
  }
  get bos(): Token | null {
    return this.vocabulary.bos;
  }
  get eos(): Token | null {
    return this.vocabulary.eos;
  }
  get ends(): ReadonlySet<Token> {
    return this.vocabulary.ends;
  }
  get addsBos(): boolean {
    return this.vocabulary.addBos;
  }
  get addsEos(): boolean {
    return this.vocabulary.addEos;
  }
  get size(): number {
    return this.vocabulary.size;
  }

  encode(text: string, options: { bos?: boolean; eos?: boolean; special?: boolean } = {}): readonly Token[] {
    checkOptions("encode", options, ["bos", "eos", "special"]);
    if (typeof text !== "string") throw new LabError("invalid-option", `encode: expected a string, received ${typeof text}`);
    const { vocabulary } = this;
    const { bos = vocabulary.addBos, eos = vocabulary.addEos && options.bos !== false, special = true } = options;
    const out: Token[] = [];
    if (bos) {
      if (vocabulary.bos === null)
        throw new LabError("invalid-option", "encode: bos is true, and the vocabulary has no BOS token; omit the option");
      out.push(vocabulary.bos);
    }
    let afterSpecial = true;
    for (const part of finish((special ? vocabulary.all : vocabulary.always).of(byteString(text)))) {
      if (typeof part === "number") out.push(part);
      else finish(this.encoder.steps(part, afterSpecial && vocabulary.addSpacePrefix, out));
      afterSpecial = typeof part === "number";
    }
    if (eos) {
      if (vocabulary.eos === null)
        throw new LabError("invalid-option", "encode: eos is true, and the vocabulary has no EOS token; omit the option");
      out.push(vocabulary.eos);
    }
    return out;
  }

  /** `encode` for a text that comes in pieces. */
  slices(special: boolean): Slices {
    const { all, always, addBos, addSpacePrefix } = this.vocabulary;
    // The tokens around every text: BOS, and what `encode` appends.
    const frame = this.encode("", { special });
    return new EncodeSlices({
      encoder: this.encoder,
      partition: special ? all : always,
      spacePrefix: addSpacePrefix,
      before: addBos ? frame.slice(0, 1) : [],
      after: addBos ? frame.slice(1) : frame,
    });
  }

  decode(tokens: readonly Token[]): string {
    this.check("decode", tokens);
    const { addEos, eos } = this.vocabulary;
    const stream = new VocabularyTextStream(this.vocabulary);
    const withoutEos = addEos && tokens.length > 0 && tokens.at(-1) === eos ? tokens.slice(0, -1) : tokens;
    let text = "";
    for (const token of withoutEos) text += stream.push(token);
    return text + stream.flush();
  }

  pieces(text: string | readonly Token[]): readonly string[] {
    const tokens = typeof text === "string" ? this.encode(text) : text;
    this.check("pieces", tokens);
    return tokens.map((token) => showPiece(this.vocabulary, token));
  }

  /** The tokens of a text without BOS, EOS and space prefix. */
  private bare(text: string): Token[] {
    const out: Token[] = [];
    for (const part of finish(this.vocabulary.all.of(byteString(text)))) {
      if (typeof part === "number") out.push(part);
      else finish(this.encoder.steps(part, false, out));
    }
    return out;
  }

  single(text: string): Token {
    if (typeof text !== "string") throw new LabError("invalid-option", `single: expected a string, received ${received(text)}`);
    const out = this.bare(text);
    if (out.length === 1) return out[0]!;
    const found =
      out.length === 0
        ? "none"
        : `${out.length}: ${this.pieces(out)
            .map((piece) => JSON.stringify(piece))
            .join(" ")}`;
    const spaced = JSON.stringify(` ${text}`);
    const withSpace = text !== "" && this.vocabulary.ids.has(this.encoder.written(byteString(` ${text}`)));
    const hint = withSpace && this.bare(` ${text}`).length === 1 ? ` With its space, ${spaced}, it is one` : "";
    throw new LabError("invalid-option", `single: expected ${JSON.stringify(text)} to be one token, found ${found}.${hint}`);
  }

  template<R extends string>(messages: readonly Message<R>[]): string {
    return applyTemplate(this.vocabulary, messages);
  }

  /** The special pieces that the chat template writes around a conversation, each once. */
  templateWords(): readonly TemplateWord[] {
    const said = (role: Message["role"]) => ({ role, content: "x" });
    let text: string;
    try {
      text = this.template([said("user"), said("assistant"), said("user")]);
    } catch {
      return []; // no template, or one that refuses: the error comes where it is used
    }
    const found = new Set(finish(this.vocabulary.all.of(byteString(text))).filter((part) => typeof part === "number"));
    return Array.from(found, (token) => ({ text: textOf(this.vocabulary.texts[token]!), token }));
  }

  check(where: string, tokens: readonly Token[]): void {
    const { size } = this.vocabulary;
    if (!Array.isArray(tokens))
      throw new LabError("invalid-option", `${where}: expected an array of tokens, received ${received(tokens)}`);
    Array.from(tokens as readonly Token[]).forEach((token, i) => {
      if (Number.isInteger(token) && token >= 0 && token < size) return;
      throw new LabError(
        "invalid-option",
        `${where}: expected tokens from 0 to ${size - 1}, received ${received(token)} at ${i}`,
      );
    });
  }
}

/**
 * The tokenizer of a model file, or of a file that holds only a vocabulary.
 * @throws LabError bad-file where the vocabulary is broken (the key is named), unsupported-model where it is of another kind.
 */
export function createTokenizer(file: FileTable): Tokenizer {
  return finish(tokenizerSteps(file));
}

/** The same in steps of some milliseconds. */
export function* tokenizerSteps(file: FileTable): Generator<void, Tokenizer, void> {
  const vocabulary = yield* withSpecials(yield* readVocabulary(file));
  const { bytePairs } = vocabulary;
  const encoder = bytePairs ? new BytePairs(vocabulary, bytePairs.pre, bytePairs.ranks) : yield* SentencePieces.of(vocabulary);
  return new VocabularyTokenizer(vocabulary, encoder);
}

/** A stream of whole characters that continues after the tokens `after` (the prompt), or starts a text. */
export function createTextStream(tokenizer: Tokenizer, after: readonly Token[] = []): TextStream {
  if (!(tokenizer instanceof VocabularyTokenizer))
    throw new LabError("invalid-option", "createTextStream: expected a tokenizer that createTokenizer made");
  tokenizer.check("createTextStream", after);
  return new VocabularyTextStream(tokenizer.vocabulary, after);
}

/** A special piece that a chat template writes. */
export interface TemplateWord {
  readonly text: string;
  readonly token: Token;
}
export function templateWords(tokenizer: Tokenizer): readonly TemplateWord[] {
  if (!(tokenizer instanceof VocabularyTokenizer))
    throw new LabError("invalid-option", "templateWords: expected a tokenizer that createTokenizer made");
  return tokenizer.templateWords();
}

/** Encodes a long text slice by slice, with the ids and the defaults of `encode(text, { special })`. */
export function encodeSlices(tokenizer: Tokenizer, options: { readonly special: boolean }): Slices {
  if (!(tokenizer instanceof VocabularyTokenizer))
    throw new LabError("invalid-option", "encodeSlices: expected a tokenizer that createTokenizer made");
  return tokenizer.slices(options.special);
}
