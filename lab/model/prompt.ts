/**
 * From a prompt to token ids. A string is raw text: BOS as the vocabulary asks, special tokens recognised. Messages go through the chat
 * template. Token ids are taken as they are, with a warning where the BOS that the model was trained with is missing.
 */
import { LabError } from "../errors.js";
import { received } from "../received.js";
import type { Token, Tokenizer } from "../tokenizer/index.js";

export interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}
/** Raw text, messages, or token ids. */
export type Prompt = string | readonly Token[] | readonly Message[];

interface Told {
  readonly vocab: number;
  readonly context: number;
  /** Made on first use; undefined where the file has no vocabulary. Throws where it has one of another kind. */
  readonly tokenizer: () => Tokenizer | undefined;
  /** The BOS that the vocabulary wants in front, or null; never throws. */
  readonly expectedBos: () => Token | null;
  readonly warn: (text: string) => void;
}

/** The tokens of a prompt, in an array of their own: the caller may change the prompt while it is read. */
export function promptTokens(prompt: Prompt, { vocab, context, tokenizer, expectedBos, warn }: Told): readonly Token[] {
  const given: string | readonly unknown[] = itemsOf(prompt);
  const ids = typeof given !== "string" && given.some((item) => typeof item !== "object" || item === null);
  const tokens = typeof given !== "string" && (ids || given.length === 0) ? given : textTokens(given, tokenizer);
  if (tokens.length === 0) throw new LabError("invalid-option", "the prompt is empty: it gives no token");
  tokens.forEach((token, i) => {
    if (!Number.isInteger(token) || (token as Token) < 0 || (token as Token) >= vocab) {
      throw new LabError(
        "invalid-option",
        `token ${i} of the prompt is ${received(token)}; the vocabulary has tokens 0 to ${vocab - 1}`,
      );
    }
  });
  if (tokens.length > context) {
    throw new LabError(
      "context-full",
      `the prompt has ${tokens.length} tokens, the context holds ${context}; shorten it by ${tokens.length - context} tokens`,
    );
  }
  if (ids) {
    const bos = expectedBos();
    if (bos !== null && tokens[0] !== bos) {
      warn(`the prompt does not begin with BOS (token ${bos}), which this model expects first`);
    }
  }
  return tokens as readonly Token[];
}

function itemsOf(prompt: unknown): string | readonly unknown[] {
  if (typeof prompt === "string") return prompt;
  if (Array.isArray(prompt)) return Array.from(prompt as readonly unknown[]);
  const hint = ArrayBuffer.isView(prompt) ? "; write Array.from(ids)" : "";
  throw new LabError(
    "invalid-option",
    `a prompt is a text, an array of token ids or an array of messages, received ${received(prompt)}${hint}`,
  );
}

function textTokens(given: string | readonly unknown[], tokenizer: () => Tokenizer | undefined): readonly Token[] {
  const vocabulary = tokenizer();
  if (!vocabulary) throw new LabError("invalid-option", "the file has no vocabulary, so it takes no text; give token ids");
  if (typeof given === "string") return encodeWhole(vocabulary, given);
  const messages = given.map((item, i) => {
    const message = { ...(item as Message) };
    if (typeof message.role !== "string" || typeof message.content !== "string") {
      throw new LabError("invalid-option", `message ${i} must be { role: "user", content: "..." }, received ${received(item)}`);
    }
    if (!["system", "user", "assistant"].includes(message.role)) {
      throw new LabError(
        "invalid-option",
        `role of message ${i} must be system, user or assistant, received ${received(message.role)}`,
      );
    }
    return message;
  });
  return encodeWhole(vocabulary, vocabulary.template(messages));
}

/** BOS as the vocabulary asks, but not a second one where the text (a chat template, say) already begins with it. */
function encodeWhole(tokenizer: Tokenizer, text: string): readonly Token[] {
  const bos = tokenizer.bos === null ? undefined : tokenizer.pieces([tokenizer.bos])[0];
  return tokenizer.encode(text, bos && text.startsWith(bos) ? { bos: false } : {});
}
