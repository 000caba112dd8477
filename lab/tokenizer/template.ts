/**
 * Chat templates: a conversation as the raw text that the model was trained on, by the file's own template (Jinja), or MiniCPM's where the
 * file has none. There is no default template: with another model's template the answers are bad, and the reason is hard to see.
 */
import { Template } from "@huggingface/jinja";
import { LabError, unknownName } from "../errors.js";
import type { Checked } from "../literals.js";
import { received } from "../received.js";
import { MINICPM_AI, MINICPM_USER } from "./specials.js";
import { byteString, textOf, type Vocabulary } from "./vocabulary.js";

type Role = "system" | "user" | "assistant";
export interface Message<R extends string = Role> {
  readonly role: Checked<R, Role>;
  readonly content: string;
}
const ROLES = ["system", "user", "assistant"];

/** MiniCPM by its name, or by a vocabulary that has both of its markers as pieces. */
function isMiniCpm(vocabulary: Vocabulary): boolean {
  return /minicpm/i.test(vocabulary.name) || [MINICPM_USER, MINICPM_AI].every((text) => vocabulary.ids.has(byteString(text)));
}

/**
 * The text to encode (with special tokens, and with the vocabulary's own BOS: a BOS that the template writes is left out where
 * encoding adds one). A user's turn is followed by the opening of the answer.
 * @throws LabError invalid-option where there is no template, or where the template itself refuses the messages; bad-file where it
 * is not a valid template.
 */
export function applyTemplate<R extends string>(vocabulary: Vocabulary, messages: readonly Message<R>[]): string {
  if (!Array.isArray(messages)) {
    throw new LabError("invalid-option", `template: expected an array of messages, received ${received(messages)}`);
  }
  if (messages.length === 0) throw new LabError("invalid-option", "template: expected at least one message, received none");
  Array.from(messages as readonly Message[]).forEach((message, i) => {
    if (typeof message !== "object" || message === null || typeof message.role !== "string") {
      throw new LabError(
        "invalid-option",
        `message ${i} must be { role: "user", content: "..." }, received ${received(message)}`,
      );
    }
    if (!ROLES.includes(message.role)) throw unknownName("invalid-option", `role of message ${i}`, message.role, ROLES);
    if (typeof message.content !== "string") {
      throw new LabError("invalid-option", `message ${i}: expected its content as a string, received ${typeof message.content}`);
    }
  });
  if (vocabulary.chatTemplate !== null) return render(vocabulary, vocabulary.chatTemplate, messages);
  if (isMiniCpm(vocabulary)) {
    return messages.map((m) => (m.role === "user" ? `${MINICPM_USER}${m.content}${MINICPM_AI}` : m.content)).join("");
  }
  throw new LabError(
    "invalid-option",
    `messages need a chat template, and the model${vocabulary.name ? ` "${vocabulary.name}"` : ""} has none (no tokenizer.chat_template in its file). Pass the prompt as a string instead`,
  );
}

const INSTEAD = "Pass the prompt as a string instead, written as the model expects it";

/** A template refuses messages by calling raise_exception; any other error means a fault of the template, or a feature that the library lacks. */
class Refusal extends Error {}

const REFUSE = "sparselab refuses";

/** Calls of the library's own raise_exception, whose errors look like any other, become calls of ours. */
function markRefusals(node: unknown): void {
  if (typeof node !== "object" || node === null) return;
  const { type, callee } = node as { type?: unknown; callee?: { type?: unknown; value?: unknown } };
  if (type === "CallExpression" && callee?.type === "Identifier" && callee.value === "raise_exception") callee.value = REFUSE;
  for (const inner of Object.values(node)) markRefusals(inner);
}

function failed(error: unknown): LabError {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof Refusal)
    return new LabError("invalid-option", `the model's chat template refuses these messages: ${message}`);
  const lacking = /^Unknown (?:\w+ )?(filter|test): (.+)$/.exec(message);
  const what = lacking
    ? `uses the ${lacking[1]} ${JSON.stringify(lacking[2])}, which the template library (@huggingface/jinja) lacks`
    : `could not be rendered: ${message}`;
  return new LabError("invalid-option", `the model's chat template ${what}. ${INSTEAD}`);
}

function render<R extends string>(vocabulary: Vocabulary, source: string, messages: readonly Message<R>[]): string {
  let template: Template;
  try {
    template = new Template(source);
    markRefusals(template.parsed);
  } catch (error) {
    throw new LabError(
      "bad-file",
      `tokenizer.chat_template: expected a Jinja template, found one that @huggingface/jinja does not parse: ${(error as Error).message}. ${INSTEAD}`,
    );
  }
  const piece = (token: number | null): string => (token === null ? "" : textOf(vocabulary.texts[token]!));
  let text: string;
  try {
    text = template.render({
      messages: messages.map((message) => ({ ...message })),
      add_generation_prompt: messages.at(-1)!.role !== "assistant",
      [REFUSE]: (why: unknown) => {
        throw new Refusal(String(why));
      },
      bos_token: piece(vocabulary.bos),
      eos_token: piece(vocabulary.eos),
    });
  } catch (error) {
    throw failed(error);
  }
  const bos = piece(vocabulary.bos);
  return vocabulary.addBos && bos !== "" && text.startsWith(bos) ? text.slice(bos.length) : text;
}
