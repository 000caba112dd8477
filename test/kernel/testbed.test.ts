/**
 * What general test beds require of a TypeScript kernel, with the code that they use, which is Deno's: `prompt`, and
 * `Deno.jupyter`. Each check stands for one of runtimed/kernel-testbed (its tiers 1 to 4).
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client, type Received } from "./client.js";

let kernel: Client;
beforeAll(async () => {
  kernel = await Client.start();
});
afterAll(() => kernel.close());

const states = (published: readonly Received[]): string[] =>
  published.filter((m) => m.type === "status").map((m) => m.content.execution_state);

describe("basic protocol", () => {
  test("heartbeat_responds", () => kernel.heartbeat());
  test("kernel_info_reply_valid, _has_language_info, _has_protocol_version", async () => {
    const { reply } = await kernel.request("kernel_info_request");
    expect(reply).toMatchObject({
      status: "ok",
      protocol_version: expect.stringMatching(/^5\.\d+$/),
      language_info: { name: "typescript" },
    });
  });
  test("execute_stdout, execute_stderr", async () => {
    expect((await kernel.execute("console.log('hello')")).stdout).toContain("hello");
    expect((await kernel.execute("console.error('error')")).stderr).toContain("error");
  });
  test("execute_reply_ok, status_busy_idle_lifecycle, execute_input_broadcast", async () => {
    const { reply, published } = await kernel.execute("const x = 1");
    expect(reply.status).toBe("ok");
    expect(states(published)).toEqual(["busy", "idle"]);
    expect(published.find((m) => m.type === "execute_input")?.content.code).toBe("const x = 1");
  });
});

describe("interactive", () => {
  test("complete_request, inspect_request", async () => {
    await kernel.execute("const testVariableForCompletion = 42");
    const completed = await kernel.request("complete_request", { code: "testVariableFor", cursor_pos: 15 });
    expect(completed.reply.matches).toContain("testVariableForCompletion");
    const code = "testVariableForCompletion";
    const inspected = await kernel.request("inspect_request", { code, cursor_pos: code.length, detail_level: 0 });
    expect(inspected.reply).toMatchObject({ status: "ok", found: true });
  });
  test("is_complete_complete, is_complete_incomplete", async () => {
    expect((await kernel.request("is_complete_request", { code: "const x = 1" })).reply.status).toBe("complete");
    expect((await kernel.request("is_complete_request", { code: "const x = {" })).reply.status).toBe("incomplete");
  });
  test("history_request, comm_info_request", async () => {
    const asked = { hist_access_type: "tail", n: 10, output: false, raw: true };
    expect((await kernel.request("history_request", asked)).reply.history.length).toBeGreaterThan(0);
    expect((await kernel.request("comm_info_request", {})).reply).toEqual({ status: "ok", comms: {} });
  });
  test("error_handling", async () => {
    const { reply, published } = await kernel.execute("function function");
    expect(reply.status).toBe("error");
    expect(published.some((m) => m.type === "error")).toBe(true);
  });
});

describe("rich output", () => {
  test("display_data, update_display_data", async () => {
    const { reply, published } = await kernel.execute(`
      await Deno.jupyter.broadcast("display_data", { data: { "text/html": "<b>initial</b>" }, metadata: { a: 1 }, transient: { display_id: "test_update" } });
      await Deno.jupyter.broadcast("update_display_data", { data: { "text/html": "<b>updated</b>" }, metadata: {}, transient: { display_id: "test_update" } })`);
    expect(reply.evalue).toBeUndefined();
    const transient = { display_id: "test_update" };
    expect(published.filter((m) => m.type.endsWith("display_data")).map((m) => [m.type, m.content])).toEqual([
      ["display_data", { data: { "text/html": "<b>initial</b>" }, metadata: { a: 1 }, transient }],
      ["update_display_data", { data: { "text/html": "<b>updated</b>" }, metadata: {}, transient }],
    ]);
  });
  test("execute_result, rich_execute_result", async () => {
    expect((await kernel.execute("1 + 1")).text).toBe("2");
    const { published } = await kernel.execute('[{letter: "A", frequency: 0.08167}, {letter: "B", frequency: 0.01492}]');
    expect(published.find((m) => m.type === "execute_result")!.content.data["text/html"]).toContain(
      '<td style="text-align: left">A</td>',
    );
  });
});

describe("advanced", () => {
  test("stdin_input_request", async () => {
    const question = kernel.waitFor((m) => m.type === "input_request");
    const cell = kernel.execute("prompt('Enter: ')", { allow_stdin: true });
    expect((await question).content).toEqual({ prompt: "Enter: ", password: false });
    await kernel.answer("test_input_42");
    expect((await cell).text).toBe("'test_input_42'");
  });
  test("comms_lifecycle: a comm to an unknown target is closed", async () => {
    const published = await kernel.comm("comm_open", { comm_id: "one", target_name: "nobody", data: {} });
    expect(published.find((m) => m.type === "comm_close")?.content.comm_id).toBe("one");
    expect((await kernel.execute("const x = 1")).reply.status).toBe("ok");
  });
  test("interrupt_request, execution_count_increments, parent_header_correlation", async () => {
    expect((await kernel.request("interrupt_request", {}, "control")).reply.status).toBe("ok");
    const [one, two] = [await kernel.execute("1"), await kernel.execute("2")];
    expect(two.reply.execution_count).toBe(one.reply.execution_count + 1);
    for (const message of one.published) expect(message.parentType).toBe("execute_request");
  });
});

describe("notebooks written for Deno", () => {
  test("templates, display, format, $display, image", async () => {
    const results = async (code: string) => {
      const { published, reply } = await kernel.execute(code);
      expect(reply.evalue, code).toBeUndefined();
      return published.find((m) => /display_data|execute_result/.test(m.type))?.content.data;
    };
    expect(await results("const name = 'Deno'; const { md } = Deno.jupyter; " + "md`# $" + "{name} $" + "{1 + 1}`")).toEqual({
      "text/markdown": "# Deno 2",
    });
    expect(await results("Deno.jupyter.html`<b>$" + "{undefined}x</b>`")).toEqual({ "text/html": "<b>x</b>" });
    expect(await results("const { svg } = Deno.jupyter; svg`<svg/>`")).toEqual({ "image/svg+xml": "<svg/>" });
    expect(await results("await Deno.jupyter.display({ 'text/plain': 'raw' }, { raw: true })")).toEqual({ "text/plain": "raw" });
    expect(await results("await Deno.jupyter.display(Deno.jupyter.md`x`)")).toEqual({ "text/markdown": "x" });
    expect(await results("class T { [Deno.jupyter.$display]() { return { 'text/html': '1 C' } } }; new T()")).toEqual({
      "text/html": "1 C",
    });
    expect(await results("await Deno.jupyter.display(await Deno.jupyter.format(1), { raw: true })")).toEqual({
      "text/plain": "1",
    });
    expect(await results("Deno.jupyter.image(new Uint8Array([0x89, 0x50, 0x4e, 0x47]))")).toEqual({ "image/png": "iVBORw==" });
    expect((await kernel.execute("Deno.jupyter.image('no such file.png')")).reply.ename).toBe("Error");
  });
  test("broadcast of other messages; an unknown one is refused", async () => {
    const { published, stdout } = await kernel.execute(`
      await Deno.jupyter.broadcast("comm_open", { comm_id: "d", target_name: "t", data: { state: 1 } }, { metadata: { version: "2.1.0" }, buffers: [new Uint8Array([1, 2])] });
      await Deno.jupyter.broadcast("stream", { name: "stdout", text: "printed" });
      await Deno.jupyter.broadcast("clear_output", { wait: true })`);
    const open = published.find((m) => m.type === "comm_open")!;
    expect([open.content, open.metadata, open.buffers.map((b) => [...b])]).toEqual([
      { comm_id: "d", target_name: "t", data: { state: 1 } },
      { version: "2.1.0" },
      [[1, 2]],
    ]);
    expect(stdout).toBe("printed");
    expect(published.some((m) => m.type === "clear_output" && m.content.wait)).toBe(true);
    const { reply } = await kernel.execute("await Deno.jupyter.broadcast('execute_reply', {})");
    expect(reply.evalue).toContain('"execute_reply" is not a message that a cell can send. Known: display_data');
  });
  test("packages do not take this for Deno; missing parts are errors that say so", async () => {
    const { text } = await kernel.execute("[typeof (globalThis as any).Deno, typeof Deno, Deno.jupyter === Deno.jupyter]");
    expect(text).toBe("[ 'undefined', 'object', true ]");
    expect((await kernel.execute("(Deno as any).readTextFile('x')")).reply.evalue).toContain("this kernel runs on Node");
    expect((await kernel.execute("const Deno = { mine: 1 }; Deno.mine")).text).toBe("1");
  });
});

describe("prompt, confirm, alert", () => {
  const ask = async (code: string, answer: string): Promise<string | undefined> => {
    const question = kernel.waitFor((m) => m.type === "input_request");
    const cell = kernel.execute(code, { allow_stdin: true });
    await question;
    await kernel.answer(answer);
    return (await cell).text;
  };
  test("give what was typed, without await", async () => {
    expect(await ask("prompt('Name?') + '!'", "Ada 😀")).toBe("'Ada 😀!'");
    expect(await ask("prompt('Name?', 'nobody')", "")).toBe("'nobody'");
    expect(await ask("confirm('Sure?')", "y")).toBe("true");
    expect(await ask("confirm('Sure?')", "")).toBe("false");
    expect((await kernel.execute("alert('seen')")).stdout).toBe("seen\n");
  });
  test("requests that come meanwhile are handled afterwards, in order; a stop ends the wait and keeps all state", async () => {
    await kernel.execute(`import { registerTarget } from "sparselab/notebook"; const heard: string[] = []; let kept = 1;
      registerTarget("ear", (comm) => { comm.onMessage = ({ data }) => { heard.push(String(data.n)) } })`);
    await kernel.comm("comm_open", { comm_id: "e", target_name: "ear", data: {} });
    const question = kernel.waitFor((m) => m.type === "input_request");
    const cell = kernel.execute("prompt('x'); heard.push('answered')", { allow_stdin: true });
    await question;
    const dealt = ["1", "2", "3"].map((n) => kernel.comm("comm_msg", { comm_id: "e", data: { n } }));
    await kernel.heartbeat();
    await kernel.answer("");
    await cell;
    await Promise.all(dealt);
    expect((await kernel.execute("heard.join()")).text).toBe("'answered,1,2,3'");
    const again = kernel.waitFor((m) => m.type === "input_request");
    const stopped = kernel.execute("prompt('never')", { allow_stdin: true });
    await again;
    await kernel.request("interrupt_request", {}, "control");
    expect((await stopped).reply).toMatchObject({ status: "error", ename: "Interrupted", evalue: "the cell was stopped" });
    expect((await kernel.execute("kept")).text).toBe("1");
  });
  test("are refused without a user to answer", async () => {
    expect((await kernel.execute("prompt('x')", { allow_stdin: false })).reply).toMatchObject({ ename: "InputRefused" });
  });
});

describe("standard input, and leaving", () => {
  test.each([
    'import { createInterface } from "node:readline"; createInterface({ input: process.stdin }).question("Name? ", console.log)',
    'import * as readline from "node:readline/promises"; await readline.createInterface({ input: process.stdin, output: process.stdout }).question("Name? ")',
    "for await (const line of process.stdin) console.log(line)",
    'process.stdin.on("data", console.log)',
    "process.stdin.pipe(process.stdout)",
    "process.stdin.setRawMode(true)",
  ])("instead of waiting for ever, says what to do: %s", async (code) => {
    const { reply } = await kernel.execute(code);
    expect(reply).toMatchObject({ status: "error", ename: "InputRefused" });
    expect(reply.evalue).toContain("await input(");
  });
  test("inspecting stdin does not read it", async () => {
    expect(
      (
        await kernel.execute(
          "process.stdin.on('error', () => {}); process.stdin.unref?.(); [process.stdin.isTTY, process.stdin.fd]",
        )
      ).text,
    ).toBe("[ undefined, 0 ]");
  });
  test("exit and quit leave jupyter console; a variable of that name is a variable", async () => {
    for (const code of ["exit", "quit", "exit()", " quit ; "]) {
      const { reply } = await kernel.execute(code);
      expect(reply, code).toMatchObject({ status: "ok", payload: [{ source: "ask_exit", keepkernel: false }] });
    }
    const { text, reply } = await kernel.execute("const exit = 5\nexit");
    expect([text, reply.payload]).toEqual(["5", []]);
    expect((await kernel.execute("exit")).text).toBe("5");
  });
});

test("shutdown_reply", async () => {
  const other = await Client.start();
  expect((await other.request("shutdown_request", { restart: false }, "control")).reply).toEqual({
    status: "ok",
    restart: false,
  });
  await other.close();
});
