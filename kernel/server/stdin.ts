/**
 * Questions of cells to the person at the front end, one at a time: `input_request` on the stdin socket, and the `input_reply` that answers
 * it. An answer to a question of a cell that has ended, or was stopped, is dropped.
 */
import { randomUUID } from "node:crypto";
import type { EngineEvent, InputRequest } from "../messages.js";
import type { Message } from "./wire.js";

type Question = Extract<EngineEvent, { event: "input" }>;

export interface StdinListener {
  /** Sends `input_request` under this msg_id to whoever sent the cell. */
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
        `${question.asker}() needs somebody to answer, and this front end says that there is nobody (allow_stdin is not set). ` +
        "Give the value in the cell, or in an environment variable: process.env.NAME.";
      this.#listener.answer({ op: "input", id: question.id, refused });
      return;
    }
    this.#waiting.push({ question, cell });
    this.#next();
  }

  reply({ header, parentHeader, content }: Message): void {
    const asked = this.#asked;
    if (!asked || header.msg_type !== "input_reply") return;
    // Some clients name the question they answer, some do not.
    if (parentHeader.msg_type === "input_request" && parentHeader.msg_id !== asked.id) return;
    this.#asked = undefined;
    const answer = typeof content.value === "string" ? content.value : "";
    this.#listener.answer({ op: "input", id: asked.question.id, answer });
    this.#next();
  }

  /** The cell is over. */
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
