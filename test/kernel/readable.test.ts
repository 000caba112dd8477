/** How values, errors and prints read below a cell. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Client } from "./client.js";

let kernel: Client;
beforeAll(async () => {
  kernel = await Client.start();
});
afterAll(() => kernel.close());

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours
const plain = (lines: readonly string[]): string => lines.join("\n").replace(/\u001b\[\d+m/g, "");

test("values of every kind", async () => {
  const values: Record<string, string | RegExp> = {
    "new Float32Array(3)": "Float32Array(3) [ 0, 0, 0 ]",
    "new Map([['k', { z: 1 }]])": "Map(1) { 'k' => { z: 1 } }",
    "new Set([1, { a: 2 }])": "Set(2) { 1, { a: 2 } }",
    "[1, [2, [3]]]": "[ 1, [ 2, [ 3 ] ] ]",
    "Array.from({ length: 1000 }, (_, i) => i)": /^\[\n +0, +1, .* 99,\n {2}\.\.\. 900 more items\n\]$/s,
    "new Float64Array(1e6)": /\.\.\. 999900 more items\n\]$/,
    "123n": "123n",
    "-0": "-0",
    null: "null",
    "new Date(0)": "1970-01-01T00:00:00.000Z",
    "class Shape { side = 1 }; [Shape, new Shape()]": "[ [class Shape], Shape { side: 1 } ]",
    "let circle: any = {}; circle.self = circle; circle": "<ref *1> { self: [Circular *1] }",
    "Buffer.from('abc')": "<Buffer 61 62 63>",
    "'two\\nlines'": "'two\\nlines'",
    "new Promise(() => {})": "Promise { <pending> }\ndid you forget await?",
    "Promise.resolve([1, 2])": "Promise { [ 1, 2 ] }\ndid you forget await?",
  };
  for (const [code, expected] of Object.entries(values)) {
    const { text, reply } = await kernel.execute(code);
    expect(`${reply.evalue ?? ""}`, code).toBe("");
    if (typeof expected === "string") expect(text, code).toBe(expected);
    else expect(text, code).toMatch(expected);
  }
  expect((await kernel.execute("undefined")).text).toBeUndefined();
  expect((await kernel.execute("void 0;")).text).toBeUndefined();
  expect((await kernel.execute("const silent = 5;")).text).toBeUndefined();
  expect((await kernel.execute("silent;")).text).toBe("5");
});

test("an array of records is a table, and text where there is no HTML", async () => {
  const { published } = await kernel.execute(
    "interface Row { t: number; name: string } const rows: Row[] = [{ t: 0, name: '<a>' }, { t: 0.5, name: 'b' }]; rows",
  );
  const { data } = published.find((m) => m.type === "execute_result")!.content;
  expect(data["text/plain"]).toBe("[ { t: 0, name: '<a>' }, { t: 0.5, name: 'b' } ]");
  expect(data["text/html"]).toContain("<th>t</th><th>name</th>");
  expect(data["text/html"]).toContain('<td style="text-align: left">&lt;a&gt;</td>');
  const shown = await kernel.execute("await display(rows)");
  expect(Object.keys(shown.published.find((m) => m.type === "display_data")!.content.data)).toEqual(["text/html", "text/plain"]);
});

test("an image of PNG bytes, a value that displays itself, and one that fails to", async () => {
  const { published } = await kernel.execute("new Uint8Array([0x89, 0x50, 0x4e, 0x47, 1])");
  expect(published.find((m) => m.type === "execute_result")?.content.data["image/png"]).toBe("iVBORwE=");
  const { reply } = await kernel.execute("({ [Symbol.for('Jupyter.display')]() { throw new RangeError('cannot draw') } })");
  expect(reply).toMatchObject({ status: "error", ename: "RangeError", evalue: "cannot draw" });
});

test("errors with their causes, and errors of several, each at its line", async () => {
  const { reply } = await kernel.execute(
    'const inner = new Error("inner");\nthrow new TypeError("outer", { cause: new RangeError("middle", { cause: inner }) });',
  );
  const text = plain(reply.traceback);
  expect(text).toMatch(/^TypeError: outer\n +at cell \d+:2:7\n/);
  expect(text).toMatch(/caused by RangeError: middle.*caused by Error: inner\n +at cell \d+:1:15/s);
  expect(text).toContain('> 1 | const inner = new Error("inner");');
  const all = await kernel.execute('await Promise.any([Promise.reject(new Error("one")), Promise.reject(new TypeError("two"))])');
  expect(all.reply).toMatchObject({ ename: "AggregateError", evalue: "All promises were rejected" });
  expect(plain(all.reply.traceback)).toMatch(/\n {2}Error: one\n.*\n {2}TypeError: two\n/s);
  expect((await kernel.execute('new Error("shown", { cause: 1 })')).text).toMatch(
    /^Error: shown\n +at cell \d+:1:1 {\n {2}\[cause\]: 1\n}$/,
  );
  expect((await kernel.execute('console.log(new Error("printed"))')).stdout).toMatch(/^Error: printed\n +at cell \d+:1:13\n$/);
  expect((await kernel.execute("throw 'a text'")).reply).toMatchObject({ ename: "Thrown", evalue: "'a text'" });
});

test("a promise as last value is displayed as a promise; if it fails unhandled, the cell reports it before it ends", async () => {
  for (const code of ["Promise.reject(new Error('unheard'))", "void Promise.reject(new Error('unheard'))"]) {
    const { reply, stderr } = await kernel.execute(code);
    expect(reply.status).toBe("ok");
    expect(stderr).toMatch(/^Unhandled rejection: .*Error.*: unheard\n +at cell \d+:1:\d+/);
  }
});

test("a forgotten await is reported where a promise or a sweep is displayed; promises of display itself are not displayed", async () => {
  const lab = 'import { corpus, fatrelu, load, sweep, tinyWorld } from "sparselab";';
  expect((await kernel.execute(`${lab}\nload(tinyWorld, { quiet: true })`)).text).toBe(
    "Promise { <pending> }\ndid you forget await?",
  );
  const swept = await kernel.execute(
    'const model = await load(tinyWorld, { quiet: true });\nsweep(model, { over: fatrelu(0, 1), on: corpus.text("a"), measure: ["sparsity"] })',
  );
  expect(swept.text).toMatch(/^Sweep of 2 settings: not started; did you forget await\?/);
  const logged = await kernel.execute(
    'console.log(model.generate("a"), sweep(model, { over: fatrelu(0), on: corpus.text("a"), measure: ["sparsity"] }))',
  );
  expect(logged.stdout).toMatch(/^Generation: read it with for await.* Sweep of 1 setting: not started/);
  for (const code of ["display(1)", 'import { Output } from "sparselab/notebook"; const area = new Output(); area.show(2)']) {
    const { published, text, reply } = await kernel.execute(code);
    expect(reply.status).toBe("ok");
    expect(text, code).toBeUndefined();
    expect(published.some((message) => message.type === "execute_result")).toBe(false);
  }
});

test("progress keeps its own line: prints do not share it, and a loop prints it once", async () => {
  const { stdout, published } = await kernel.execute(`
    import { measure } from "sparselab";
    const on = corpus.text("The rope is in the box. ".repeat(40));
    for (let i = 0; i < 3; i++) {
      await measure(model, on, { measure: ["sparsity"], window: 32 });
      console.log("printed", i);
    }
    await measure(model, on, { measure: ["sparsity"], window: 32, quiet: true });`);
  expect(stdout).toBe("printed 0\nprinted 1\nprinted 2\n");
  const shown = published.filter((message) => /display_data$/.test(message.type));
  expect(shown.filter((message) => message.type === "display_data")).toHaveLength(1);
  expect(shown.at(-1)!.content.data["text/plain"]).toMatch(/^measure text: done after/);
  const ids = new Set(shown.map((message) => message.content.transient.display_id));
  expect(ids.size).toBe(1);
});

test("console: groups, tables, timers, counters, assertions, depth", async () => {
  const { stdout, stderr } = await kernel.execute(`
    console.group("g"); console.info("%d of %s", 1, "two"); console.group(); console.log("a\\nb"); console.groupEnd(); console.groupEnd();
    console.table([{ a: 1, b: "x" }, { a: 2 }]); console.table(new Map([["k", 1]])); console.table([[1, 2], [3, 4]], ["0"]);
    console.time("t"); console.timeLog("t", "half"); console.timeEnd("t");
    console.count(); console.count("c"); console.count("c"); console.countReset("c"); console.count("c");
    console.assert(1 > 2, "%s is false", "it"); console.assert(true, "never");
    console.dir({ a: { b: { c: 1 } } }, { depth: 0 }); console.debug("debugged"); console.warn("warned"); console.trace("here")`);
  expect(stdout).toContain("g\n  1 of two\n    a\n    b\n┌");
  expect(stdout).toContain("│ 0       │ 1 │ 'x' │");
  expect(stdout).toContain("│ 0                 │ 'k' │ 1      │");
  expect(stdout).toMatch(/\nt: [\d.]+m?s half\nt: [\d.]+m?s\n/);
  expect(stdout).toContain("default: 1\nc: 1\nc: 2\nc: 1\n{ a: [Object] }\ndebugged\n");
  expect(stderr).toMatch(/^Assertion failed: it is false\nwarned\nTrace: here\n +at cell \d+:\d+:\d+\n$/);
  expect(stdout).not.toContain("never");
});

test("an error of the lab shows what caused it in one line; a stop does not show the call that it aborted", async () => {
  const lab =
    'import { corpus, load, measure, tinyWorld } from "sparselab"; const tiny = await load(tinyWorld, { quiet: true });';
  const measured = (text: string): string => `await measure(tiny, ${text}, { measure: ["sparsity"] })`;
  const missing = await kernel.execute(`${lab}\n${measured('corpus("nowhere.txt")')}`);
  expect(plain(missing.reply.traceback)).toMatch(/there is no such file.*caused by Error.*ENOENT: no such file[^\n]*$/s);
  const begun = kernel.waitFor((m) => m.type === "stream" && m.content.text.includes("begun"));
  const running = kernel.execute(`console.log("begun"); for (;;) ${measured('corpus.text("Milo went. ".repeat(5000))')}`);
  await begun;
  await kernel.request("interrupt_request", {}, "control");
  const { ename, traceback } = (await running).reply;
  expect(ename).toBe("Interrupted");
  expect(plain(traceback)).not.toContain("AbortError");
});
