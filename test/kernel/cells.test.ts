/** Cells behave as parts of one program, and their errors give positions in the cell. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, Client } from "./client.js";

let kernel: Client;
beforeAll(async () => {
  kernel = await Client.start();
});
afterAll(() => kernel.close());

/** Runs cells in order and returns the text of the last result. */
async function last(...cells: string[]): Promise<string | undefined> {
  let answer: Answer | undefined;
  for (const cell of cells) {
    answer = await kernel.execute(cell);
    expect(`${answer.reply.status} ${answer.reply.evalue ?? ""}`, cell).toBe("ok ");
  }
  return answer?.text;
}

async function failing(cell: string): Promise<{ ename: string; evalue: string; text: string }> {
  const { reply, published } = await kernel.execute(cell);
  expect(reply.status).toBe("error");
  const error = published.find((m) => m.type === "error");
  expect(error?.content).toMatchObject({ ename: reply.ename, evalue: reply.evalue, traceback: reply.traceback });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
  return { ...reply, text: reply.traceback.join("\n").replace(/\u001b\[\d+m/g, "") };
}

describe("one program", () => {
  test("a closure sees a later assignment", async () => {
    expect(await last("let g = 1; const read = () => g;", "g = 10;", "read()")).toBe("10");
    expect(await last("let g = 5;", "read()")).toBe("5");
  });

  test("a function defined again is used by earlier callers, also by itself", async () => {
    expect(await last("function f(n: number): number { return n ? f(n - 1) : 1 } const call = () => f(3);", "call()")).toBe("1");
    expect(await last("const old = f; function f(n: number): number { return -n }", "call()")).toBe("-3");
  });

  test("a function may be called above its declaration", async () => {
    expect(await last("const early = later(2); function later(x: number) { return x * 2 } early")).toBe("4");
  });

  const kinds: Record<string, [declaration: string, read: string, value: string]> = {
    var: ["var it = 1;", "it", "1"],
    let: ["let it = 'l';", "it", "'l'"],
    const: ["const it = [1];", "it", "[ 1 ]"],
    function: ["function it() { return 7 }", "it()", "7"],
    class: ["class it { static v = 8 }", "it.v", "8"],
    enum: ["enum it { A = 3 }", "it.A", "3"],
    interface: ["interface it { q: string }", "({ q: 'q' } satisfies it).q", "'q'"],
    namespace: ["namespace it { export const v = 9 }", "it.v", "9"],
  };
  test("anything can be declared again as anything", async () => {
    for (const a of Object.values(kinds)) {
      for (const [declaration, read, value] of Object.values(kinds)) {
        expect(await last(a[0], `${declaration}\n${read}`), `${a[0]} then ${declaration}`).toBe(value);
      }
    }
  });

  test("an enum declared again keeps no old member", async () => {
    expect(await last("enum Colour { Red = 'r', Green = 'g' }", "enum Colour { Blue = 'b' }", "Object.keys(Colour)")).toBe(
      "[ 'Blue' ]",
    );
  });

  test("var in a loop, destructuring, default and rest are live variables", async () => {
    expect(await last("for (var i = 0; i < 3; i++) { var seen = i }", "[i, seen]")).toBe("[ 3, 2 ]");
    const source = "({ a: [1], c: 3, d: 'x' } as { a: number[]; c: number; d: string })";
    expect(await last(`const { a: [one, two = 5], ...others } = ${source};`, "[one, two, others]")).toBe(
      "[ 1, 5, { c: 3, d: 'x' } ]",
    );
  });

  test("await, for await and dynamic import at the top level", async () => {
    expect(await last("const v = await new Promise<number>((done) => setTimeout(() => done(42), 5)); v")).toBe("42");
    expect(await last("let sum = 0; for await (const x of (async function* () { yield 1; yield 2 })()) sum += x; sum")).toBe("3");
    expect(await last("const os = await import('node:os'); typeof os.cpus")).toBe("'function'");
  });

  test("a variable with the name of a global does not shadow it elsewhere", async () => {
    writeFileSync(
      join(kernel.folder, "other.ts"),
      "export const sees = (): unknown => [process.pid > 0, typeof URL, typeof performance.now()];\n",
    );
    await last(
      "import { sees } from './other'; const URL = 3; let process = { pid: 'mine', URL }; function performance(n: number): number { return n && performance(n - 1) }",
      "const { fetch = 7, ...rest } = { fetch: undefined as number | undefined, other: { fetch: 1 } }; process = { ...process, pid: process.pid + fetch }",
    );
    expect(await last("sees()")).toBe("[ true, 'function', 'number' ]");
    expect(
      await last("((URL: number) => [URL, process.URL, { process }.process.pid, performance(2), rest.other.fetch])(4)"),
    ).toBe("[ 4, 3, 'mine7', 0, 1 ]");
    expect(
      await last(
        "class Buffer { size = 1 } enum Event { A = 4 }",
        "[new Buffer().size, Event.A, Event[4], globalThis.Buffer.from('a').length]",
      ),
    ).toBe("[ 1, 4, 'A', 1 ]");
  });

  test("types, decorators and parameter properties", async () => {
    const cell = `
      function logged<T extends (...a: never[]) => unknown>(f: T, _c: ClassMethodDecoratorContext): T { return ((...a: never[]) => [f(...a)]) as unknown as T }
      abstract class Shape { constructor(readonly side: number) {} @logged static unit(): unknown { return 1 } abstract area(): number }
      class Square extends Shape { area() { return this.side ** 2 } }
      [new Square(3).area(), Shape.unit()]`;
    expect(await last(cell)).toBe("[ 9, [ 1 ] ]");
  });

  test("without ; between cells, comments and empty cells", async () => {
    expect(await last("const a1 = 1", "// nothing", "", "a1")).toBe("1");
  });
});

describe("errors", () => {
  test("a type error stops the cell before it runs, with line and column of the cell", async () => {
    const error = await failing('console.log("ran");\n\n  const wrong: number = "text";');
    expect(error.ename).toBe("TypeScriptError");
    expect(error.evalue).toBe("Type 'string' is not assignable to type 'number'.");
    expect(error.text).toMatch(/^cell \d+:3:9 - error TS2322/);
    expect(error.text).toContain('> 3 |   const wrong: number = "text";');
    const ran = kernel.received.filter((m) => m.type === "stream").at(-1);
    expect(ran?.content.text).not.toBe("ran\n");
  });

  test("a scratch pad: using a possibly undefined value is not a type error", async () => {
    await last("function loose(x) { return x.anything }", "const items = [1]; items[0].toFixed()");
    const { ename } = await failing("let maybe: string | undefined = Math.random() > 2 ? 'x' : undefined; maybe.length");
    expect(ename).toBe("TypeError");
  });

  test("@ts-nocheck turns the check off", async () => {
    expect(await last('// @ts-nocheck\nconst n: number = "text"; n')).toBe("'text'");
  });

  test("a thrown error has the line of the cell, also from a function of an earlier cell", async () => {
    await last("type Unused = {\n  a: number\n};\nfunction thrower(x: number): never {\n  throw new RangeError('bad ' + x)\n}");
    const { ename, evalue, text } = await failing("\n\nconst y = 1;\nthrower(y)");
    expect([ename, evalue]).toEqual(["RangeError", "bad 1"]);
    expect(text).toMatch(/at thrower \(cell \d+:5:9\)\n {4}at cell \d+:4:1\n/);
    expect(text).toContain(">");
    expect(text).not.toMatch(/node:|engine/);
  });

  test("after an await, with a cause, and what is not an Error", async () => {
    const { text } = await failing("await 0;\nthrow new Error('outer', { cause: new TypeError('inner') })");
    expect(text).toMatch(/^Error: outer\n {4}at cell \d+:2:7/);
    expect(text).toMatch(/caused by TypeError: inner/);
    expect(await failing("throw { odd: 1 }")).toMatchObject({ ename: "Thrown", evalue: "{ odd: 1 }" });
    const lines = (await failing("throw new Error('a\\n    at fake (cell 1:1:1)')")).text;
    expect(lines.match(/^ +at .*/gm)).toEqual(["    at fake (cell 1:1:1)", expect.stringMatching(/^ {4}at cell \d+:1:7$/)]);
    const hostile = "throw Object.defineProperty(new Error('x'), 'message', { get() { throw new Error('no') } })";
    expect(await failing(hostile)).toMatchObject({ ename: "Error", evalue: "(its message cannot be read)" });
    const nameless = "throw Object.defineProperty(new Error('x'), 'name', { value: { toString() { throw 1 } } })";
    expect(await failing(nameless)).toMatchObject({ ename: "Thrown", evalue: "a value was thrown that cannot be shown" });
  });

  test("an error of the lab shows its code and message", async () => {
    const { ename, evalue, text } = await failing('import { load } from "sparselab";\nawait load("no-such-file.gguf")');
    expect(ename).toBe("LabError");
    expect(evalue).toContain("no-such-file.gguf");
    expect(text).toMatch(/^LabError \[bad-file\]: /);
    expect(text.match(/^ +at .*/gm)).toEqual([expect.stringMatching(/^ +at (?:async )?cell \d+:2:\d+$/)]);
  });

  test("variables that a failed cell did not assign do not exist; those that it did assign do", async () => {
    await last("let kept = 1");
    await failing("let first = 2; let kept = await Promise.reject(new Error('no'))");
    expect(await last("first + kept")).toBe("3");
    await failing("const unset = await Promise.reject(new Error('no'))");
    expect(await failing("unset")).toMatchObject({ evalue: expect.stringMatching(/^Cannot find name .unset./) });
  });

  test("using at the top level is refused with the reason, inside a block it works", async () => {
    expect((await failing("using x = { [Symbol.dispose]() {} }")).evalue).toContain(
      "it would dispose of the value when the cell ends",
    );
    expect(await last("let log = ''; { using x = { [Symbol.dispose]() { log += 'disposed' } } } log")).toBe("'disposed'");
  });

  test("assigning to a constant of an earlier cell", async () => {
    await last("const fixed = 1");
    expect((await failing("fixed = 2")).evalue).toContain("Cannot assign to 'fixed' because it is a constant");
  });

  test("a late error of a timer is printed on stderr and the kernel continues", async () => {
    const { reply, stderr } = await kernel.execute(
      `const events = ["uncaughtException", "unhandledRejection"].map((name) => new Promise((heard) => globalThis.process.once(name, heard)));
      setTimeout(() => { throw new Error('late') }, 1); Promise.reject(new Error('unheard')); await Promise.all(events)`,
    );
    expect(`${reply.status} ${reply.evalue ?? ""}`, stderr).toBe("ok ");
    expect(stderr).toContain("Uncaught");
    expect(stderr).toContain("late");
    expect(stderr).toContain("Unhandled rejection");
    expect(stderr).toContain("unheard");
  });
});

describe("protocol", () => {
  test("silent shows nothing and does not count; store_history: false does not count", async () => {
    const before = (await kernel.execute("1")).reply.execution_count;
    const silent = await kernel.execute("console.log('x'); display(1); 5", { silent: true });
    expect(silent.published.map((m) => m.type)).toEqual(["status", "status"]);
    await kernel.execute("2", { store_history: false });
    expect((await kernel.execute("3")).reply.execution_count).toBe(before + 1);
  });

  test("an error aborts the requests that arrived before it, and no later ones", async () => {
    const first = kernel.execute("await input(); throw new Error('first')", { allow_stdin: true });
    await kernel.waitFor((m) => m.type === "input_request");
    const queued = [kernel.execute("'second'"), kernel.execute("'third'")];
    await kernel.request("kernel_info_request"); // On the same socket: answered after the cells before it were queued.
    await kernel.answer("");
    const answers = await Promise.all([first, ...queued]);
    expect(answers.map((a) => a.reply.status)).toEqual(["error", "aborted", "aborted"]);
    expect((await kernel.execute("'fourth'")).text).toBe("'fourth'");
    const open = await Promise.all([
      kernel.execute("throw new Error('first')", { stop_on_error: false }),
      kernel.execute("'second'"),
    ]);
    expect(open.map((a) => a.reply.status)).toEqual(["error", "ok"]);
  });

  test("kernel_info, connect, comm_info, history, heartbeat", async () => {
    const info = (await kernel.request("kernel_info_request")).reply;
    expect(info).toMatchObject({ status: "ok", protocol_version: "5.4", implementation: "sparselab" });
    expect(info.language_info).toMatchObject({ name: "typescript", version: "5.9.3", file_extension: ".ts" });
    expect((await kernel.request("connect_request", {}, "control")).reply.shell_port).toBe(kernel.connection.shell_port);
    expect((await kernel.request("comm_info_request")).reply).toEqual({ status: "ok", comms: {} });
    await kernel.execute("'for the history'");
    const { history } = (await kernel.request("history_request", { hist_access_type: "tail", n: 1, output: false, raw: true }))
      .reply;
    expect(history[0][2]).toBe("'for the history'");
    const other = await Client.start(undefined, join(kernel.folder, "data"));
    try {
      await other.execute("'in another session'");
      const kept = (await other.request("history_request", { hist_access_type: "tail", n: 2, output: false, raw: true })).reply;
      expect(kept.history.map((h: unknown[]) => h[2])).toEqual(["'for the history'", "'in another session'"]);
    } finally {
      await other.close();
    }
    await kernel.heartbeat();
  });

  test("forged, duplicate and malformed messages are ignored, with a line in the log", async () => {
    const forged = kernel.frames("execute_request", { code: "globalThis.forged = true" }, "forged", "another key");
    const twice = kernel.frames("execute_request", { code: "globalThis.times = (globalThis.times ?? 0) + 1" }, "twice");
    for (const frames of [forged, twice, twice, [Buffer.from("<IDS|MSG>")], [Buffer.from("x")], [...twice.slice(0, 3)]]) {
      await kernel.sendFrames(frames);
    }
    expect((await kernel.execute("[(globalThis as any).forged, (globalThis as any).times]")).text).toBe("[ undefined, 1 ]");
    expect(kernel.log).toContain("wrong signature");
    expect(kernel.log).toContain("duplicate message");
  });
});
