/** A cell prompts the user; and the front end asks for values of expressions. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client, type Received } from "./client.js";

let kernel: Client;
beforeAll(async () => {
  kernel = await Client.start();
});
afterAll(() => kernel.close());

const asked = (): Promise<Received> => kernel.waitFor((m) => m.type === "input_request");
const asking = (code: string) => kernel.execute(code, { allow_stdin: true });

describe("input", () => {
  test("resolves to the text typed; the prompt belongs to the cell that asks", async () => {
    const question = asked();
    const cell = asking('console.log("before"); const name = await input("Name? "); "hello " + name.toUpperCase()');
    const { content, channel, parentType } = await question;
    expect({ content, channel, parentType }).toEqual({
      content: { prompt: "Name? ", password: false },
      channel: "stdin",
      parentType: "execute_request",
    });
    // Earlier output arrives before the prompt.
    expect(kernel.received.findLast((m) => m.type === "stream")?.content.text).toBe("before\n");
    await kernel.answer("ada 🙂");
    expect(await cell).toMatchObject({ reply: { status: "ok" }, text: "'hello ADA 🙂'" });
  });

  test("password: the front end is told to hide the text", async () => {
    const question = asked();
    const cell = asking("(await password()).length");
    expect((await question).content).toEqual({ prompt: "", password: true });
    await kernel.answer("secret");
    expect((await cell).text).toBe("6");
  });

  test("several questions at once are asked one after the other, in order", async () => {
    const first = asked();
    const cell = asking('await Promise.all([input("a"), input("b"), password("c")])');
    expect((await first).content.prompt).toBe("a");
    for (const [answer, next] of [
      ["1", "b"],
      ["2", "c"],
    ]) {
      const question = asked();
      await kernel.answer(answer!);
      expect((await question).content.prompt).toBe(next);
    }
    await kernel.answer("3");
    expect((await cell).text).toBe("[ '1', '2', '3' ]");
  });

  test("is refused, with a way out, where the front end has no user, and after the cell has ended", async () => {
    const { reply } = await kernel.execute('await input("Name? ")', { allow_stdin: false });
    expect(reply).toMatchObject({ status: "error", ename: "InputRefused" });
    expect(reply.evalue).toContain("this front end has none (allow_stdin is not set)");
    const late = kernel.waitFor((m) => m.type === "stream" && m.content.text.includes("only while its cell runs"));
    await asking(
      "let release!: () => void; void new Promise<void>((done) => { release = done }).then(() => input()).catch((e) => console.log(e.message))",
    );
    await kernel.execute("release()");
    await late;
    expect((await kernel.execute("const typed: string = input()")).reply.evalue).toBe(
      "Type 'Promise<string>' is not assignable to type 'string'.",
    );
  });

  test("the stop button ends the wait; an answer that comes later is dropped", async () => {
    const question = asked();
    const cell = asking("await input('never')");
    await question;
    await kernel.heartbeat();
    await kernel.request("interrupt_request", {}, "control");
    expect((await cell).reply).toMatchObject({ status: "error", ename: "Interrupted" });
    await kernel.answer("too late");
    const again = asked();
    const next = asking("await input('again')");
    await again;
    await kernel.answer("in time");
    expect((await next).text).toBe("'in time'");
  });
});

test("user_expressions: each has its value or its own error, and shows nothing", async () => {
  const expressions = {
    sum: "total * 2",
    table: "({ async [Symbol.for('Jupyter.display')]() { return { 'text/html': '<i>x</i>' } } })",
    wrong: "total.length",
    thrown: "(() => { throw new RangeError('no') })()",
    waits: "await Promise.resolve('w')",
    nothing: "undefined",
  };
  const { reply, published } = await kernel.execute("const total = 21", { user_expressions: expressions });
  expect(reply).toMatchObject({ status: "ok", user_expressions: { sum: { status: "ok", metadata: {} } } });
  expect(reply.user_expressions.sum.data).toEqual({ "text/plain": "42" });
  expect(reply.user_expressions.table.data).toEqual({ "text/html": "<i>x</i>" });
  expect(reply.user_expressions.wrong).toMatchObject({ status: "error", ename: "TypeScriptError" });
  expect(reply.user_expressions.thrown).toMatchObject({ status: "error", ename: "RangeError", evalue: "no" });
  expect(reply.user_expressions.waits.data).toEqual({ "text/plain": "'w'" });
  expect(reply.user_expressions.nothing.data).toEqual({ "text/plain": "undefined" });
  expect(published.map((m) => m.type)).toEqual(["status", "execute_input", "status"]);
  const silent = await kernel.execute("", { user_expressions: { sum: "total" }, silent: true });
  expect(silent.reply.user_expressions.sum.data).toEqual({ "text/plain": "21" });
  const failed = await kernel.execute("throw new Error('x')", { user_expressions: expressions });
  expect(failed.reply.user_expressions).toEqual({});
});
