import { expect, test } from "vitest";
import type { InputRequest } from "../messages.js";
import { Stdin } from "./stdin.js";
import type { Message } from "./wire.js";

const message = (msg_type: string, content: object, parentHeader: object = {}): Message =>
  ({ identities: [], header: { msg_type }, parentHeader, metadata: {}, content, buffers: [] }) as unknown as Message;
const cell = message("execute_request", { allow_stdin: true });
const question = (id: string) => ({ event: "input", key: "k", id, asker: "input", prompt: id, password: false }) as const;

function start() {
  const sent: string[] = [];
  const answers: InputRequest[] = [];
  const stdin = new Stdin({ send: (id) => sent.push(id), answer: (request) => answers.push(request) });
  return { stdin, sent, answers };
}

test("asks one question at a time; an answer to another question is dropped", () => {
  const { stdin, sent, answers } = start();
  stdin.ask(question("a"), cell);
  stdin.ask(question("b"), cell);
  expect(sent.length).toBe(1);
  stdin.reply(message("input_reply", { value: "stale" }, { msg_type: "input_request", msg_id: "of an earlier cell" }));
  stdin.reply(message("something_else", { value: "x" }));
  expect(answers).toEqual([]);
  stdin.reply(message("input_reply", { value: "1" }, { msg_type: "input_request", msg_id: sent[0] }));
  stdin.reply(message("input_reply", { value: 2 }));
  expect(sent.length).toBe(2);
  expect(answers.map((a) => [a.id, a.answer])).toEqual([
    ["a", "1"],
    ["b", ""],
  ]);
});

test("drops questions when the cell ends; without allow_stdin, or a cell, the question is refused", () => {
  const { stdin, sent, answers } = start();
  stdin.ask(question("a"), cell);
  stdin.forget();
  stdin.reply(message("input_reply", { value: "late" }));
  expect(answers).toEqual([]);
  stdin.ask(question("b"), message("execute_request", {}));
  stdin.ask(question("c"), undefined);
  expect(sent.length).toBe(1);
  expect(answers.map((a) => a.id)).toEqual(["b", "c"]);
  for (const { refused } of answers) expect(refused).toContain("needs a user to answer");
});
