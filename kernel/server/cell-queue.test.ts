import { beforeEach, describe, expect, test } from "vitest";
import { CellQueue } from "./cell-queue.js";
import type { Message } from "./wire.js";

const request = (msg_id: string, more: object = {}): Message =>
  ({ header: { msg_type: "execute_request", msg_id }, content: { code: msg_id, ...more } }) as unknown as Message;

describe("a queue of cells", () => {
  let replies: string[];
  /** Requests that the socket still holds: handed over when the queue asks for what has arrived. */
  let onSocket: Message[];
  /** Ends the cell that runs, by an error where its code says so. */
  let endCell: () => void;
  let running: string[];
  let cells: CellQueue;

  beforeEach(() => {
    replies = [];
    onSocket = [];
    running = [];
    cells = new CellQueue({
      language: { ask: async (_call: string, ask: unknown) => ({ cell: (ask as { code: string }).code }) } as never,
      engine: {
        run: (cell: unknown) =>
          new Promise((resolve) => {
            running.push(String(cell));
            const failure = { ename: "E", evalue: "v", traceback: [] };
            endCell = () => resolve(String(cell).startsWith("bad") ? { failure } : {});
          }),
      } as never,
      stdin: { forget: () => {} },
      history: { add: () => {} },
      streams: { write: () => {}, flush: () => {} },
      publish: (type, _content, parent) => {
        if (type === "error") replies.push(`error of ${parent.header.msg_id}`);
      },
      reply: (_channel, to, content) => replies.push(`${to.header.msg_id} ${(content as { status: string }).status}`),
      arrived: async () => {
        await Promise.resolve();
        for (const message of onSocket.splice(0)) cells.push(message, "shell");
      },
      log: (text) => replies.push(text),
    });
  });
  const push = (...ids: string[]): void => {
    for (const id of ids) cells.push(request(id), "shell");
  };
  /** Waits until a cell runs: promises alone lead there. */
  const until = async (id: string): Promise<void> => {
    while (running.at(-1) !== id) await new Promise((resolve) => setImmediate(resolve));
  };

  test("runs them in order", async () => {
    push("a", "b");
    await until("a");
    endCell();
    await until("b");
    expect(replies).toEqual(["a ok"]);
    expect(running).toEqual(["a", "b"]);
  });

  test("aborts, after an error, what is queued and what the socket holds; what comes after the reply runs", async () => {
    push("bad", "queued");
    await until("bad");
    onSocket = [request("on the socket"), request("and another")];
    endCell();
    while (replies.length < 5) await new Promise((resolve) => setImmediate(resolve));
    expect(replies).toEqual(["error of bad", "bad error", "queued aborted", "on the socket aborted", "and another aborted"]);
    push("later");
    await until("later");
    expect(running).toEqual(["bad", "later"]);
  });

  test("aborts nothing where the request says stop_on_error: false, or the cell did not fail", async () => {
    cells.push(request("bad", { stop_on_error: false }), "shell");
    push("a", "b");
    for (const id of ["bad", "a", "b"]) {
      await until(id);
      endCell();
    }
    push("c");
    await until("c");
    expect(replies).toEqual(["error of bad", "bad error", "a ok", "b ok"]);
  });
});
