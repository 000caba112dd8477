/**
 * Prompts to token ids. A string is raw text: the vocabulary decides about BOS, and special tokens are recognised. Messages go through the
 * chat template. Token ids are used as they are, with a warning where the BOS that the model was trained with is missing.
 */
import { LabError, nearest } from "../errors.js";
import type { Checked } from "../literals.js";
import { refusePromise } from "../promised.js";
import { received } from "../received.js";
import { countText } from "../text.js";
import type { Token, Tokenizer } from "../tokenizer/index.js";

export type Role = "system" | "user" | "assistant";
/** A message of a conversation, for the chat template of the file. */
export interface Message<R extends string = Role> {
  readonly role: Checked<R, Role>;
  readonly content: string;
}
/** Raw text, messages, or token ids. */
export type Prompt<R extends string = Role> = string | readonly Token[] | readonly Message<R>[];

/** What turning a prompt into tokens needs to know of the model. */
export interface PromptContext {
  readonly vocab: number;
  readonly context: number;
  /** Undefined where the file has no vocabulary. Throws where the vocabulary is of another kind. */
  readonly tokenizer: () => Tokenizer | undefined;
  /** The BOS that the vocabulary puts in front of a text, or null. Never throws. */
  readonly expectedBos: () => Token | null;
  readonly warn: (text: string) => void;
}

/**
 * The tokens of a prompt, in a new array: the caller may change the prompt later.
 * @param more how many tokens must fit behind the prompt, for the hint of a full context
 */
export function promptTokens<R extends string>(
  prompt: Prompt<R>,
  { vocab, context, tokenizer, expectedBos, warn }: PromptContext,
  more = 0,
): readonly Token[] {
  const given: string | readonly unknown[] = itemsOf(prompt);
  const ids = typeof given !== "string" && given.some((item) => typeof item !== "object" || item === null);
  const tokens = typeof given !== "string" && (ids || given.length === 0) ? given : textTokens(given, tokenizer);
  if (tokens.length === 0) throw new LabError("invalid-option", "the prompt is empty: it has no tokens");
  if (tokens.length > context) {
    throw new LabError(
      "context-full",
      `the prompt has ${tokens.length} tokens, the context holds ${context}; shorten it by ${countText(tokens.length + more - context, "token")}`,
    );
  }
  tokens.forEach((token, i) => {
    if (!Number.isInteger(token) || (token as Token) < 0 || (token as Token) >= vocab) {
      throw new LabError(
        "invalid-option",
        `token ${i} of the prompt is ${received(token)}; the vocabulary has tokens 0 to ${vocab - 1}`,
      );
    }
  });
  if (ids) {
    const bos = expectedBos();
    if (bos !== null && tokens[0] !== bos) {
      warn(`the prompt does not begin with BOS (token ${bos}), which this model expects first`);
    }
  }
  return tokens as readonly Token[];
}

function hintOf(role: string): string {
  const near = nearest(role, ["system", "user", "assistant"]);
  return near ? `. Did you mean "${near}"?` : "";
}

function itemsOf(prompt: unknown): string | readonly unknown[] {
  refusePromise("a prompt", prompt);
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
  if (!vocabulary)
    throw new LabError("invalid-option", "the file has no vocabulary, so the prompt cannot be text; pass token ids");
  if (typeof given === "string") return encodeWhole(vocabulary, given);
  const messages = given.map((item, i) => {
    const message = { ...(item as Message) };
    if (typeof message.role !== "string" || typeof message.content !== "string") {
      throw new LabError("invalid-option", `message ${i} must be { role: "user", content: "..." }, received ${received(item)}`);
    }
    if (!["system", "user", "assistant"].includes(message.role)) {
      throw new LabError(
        "invalid-option",
        `role of message ${i} must be system, user or assistant, received ${received(message.role)}${hintOf(message.role)}`,
      );
    }
    return message;
  });
  // No EOS: the template ends its turns itself, and an answer follows.
  return encodeWhole(vocabulary, vocabulary.template(messages), { eos: false });
}

/** Encodes with BOS and EOS as the vocabulary says, but without a second BOS where the text (a chat template, say) begins with it. */
function encodeWhole(tokenizer: Tokenizer, text: string, options: { eos?: boolean } = {}): readonly Token[] {
  const tokens = tokenizer.encode(text, options);
  const twice = tokenizer.addsBos && tokens[0] === tokenizer.bos && tokens[1] === tokenizer.bos;
  return twice ? tokens.slice(1) : tokens;
}
