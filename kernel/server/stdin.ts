/**
 * Prompts of cells to the user, one at a time: `input_request` on the stdin socket, and the `input_reply` that answers it. Replies for a
 * cell that has ended, or was stopped, are dropped.
 */
import { randomUUID } from "node:crypto";
import type { EngineEvent, InputRequest } from "../messages.js";
import type { Message } from "./wire.js";

type Question = Extract<EngineEvent, { event: "input" }>;

export interface StdinListener {
  /** Sends `input_request` with this msg_id to the client that sent the cell. */
  send(id: string, content: object, cell: Message): void;
  answer(request: InputRequest): void;
}

export class Stdin {
  readonly #listener: StdinListener;
  readonly #waiting: Array<{ question: Question; cell: Message }> = [];
  #asked: { id: string; question: Question } | undefined;

  constructor(listener: StdinListener) {
    this.#listener = listener;
  }

  ask(question: Question, cell: Message | undefined): void {
    if (cell?.content.allow_stdin !== true) {
      const refused =
        `${question.asker}() needs a user to answer, and this front end has none (allow_stdin is not set). ` +
        "Put the value into the cell, or into an environment variable: process.env.NAME.";
      this.#listener.answer({ op: "input", id: question.id, refused });
      return;
    }
    this.#waiting.push({ question, cell });
    this.#next();
  }

  reply({ header, parentHeader, content }: Message): void {
    const asked = this.#asked;
    if (!asked || header.msg_type !== "input_reply") return;
    // Not every client says which question it answers.
    if (parentHeader.msg_type === "input_request" && parentHeader.msg_id !== asked.id) return;
    this.#asked = undefined;
    const answer = typeof content.value === "string" ? content.value : "";
    this.#listener.answer({ op: "input", id: asked.question.id, answer });
    this.#next();
  }

  /** Drops all questions. Called when the cell has ended. */
  forget(): void {
    this.#waiting.length = 0;
    this.#asked = undefined;
  }

  #next(): void {
    if (this.#asked) return;
    const next = this.#waiting.shift();
    if (!next) return;
    this.#asked = { id: randomUUID(), question: next.question };
    const { prompt, password } = next.question;
    this.#listener.send(this.#asked.id, { prompt, password }, next.cell);
  }
}
