/** Everything that a cell prints or shows arrives, in order and at the right cell. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../support/until.js";
import { Client } from "./client.js";

let kernel: Client;
beforeAll(async () => {
  kernel = await Client.start();
  await kernel.execute("1");
});
afterAll(() => kernel.close());

test("values that cells print and return are freed: 50 cells with 100 MB each", async () => {
  /** Memory in MiB, with what V8 has not collected yet. */
  const used = async (): Promise<{ engine: number; server: number }> => {
    const engine = Number((await kernel.execute("process.memoryUsage.rss()")).text);
    const server = Number(readFileSync(`/proc/${kernel.process.pid}/statm`, "utf8").split(" ")[1]) * 4096;
    return { engine: engine / 2 ** 20, server: server / 2 ** 20 };
  };
  const before = await used();
  for (let i = 0; i < 50; i++) {
    // Writes to every page, since reserved memory takes no space until then.
    const { text } = await kernel.execute(
      "const big = new Float32Array(25_000_000); for (let i = 0; i < big.length; i += 1024) big[i] = i; console.log(big); big",
    );
    expect(text).toContain("24999900 more items");
  }
  // Only the last array is still there, as a variable of the notebook. V8 frees the others on a thread of its own.
  await until(async () => (await used()).engine - before.engine < 200);
  expect((await used()).server - before.server).toBeLessThan(100);
});

test("200,000 lines of one synchronous cell arrive in order, before idle", async () => {
  const { stdout, published } = await kernel.execute("for (let i = 0; i < 200_000; i++) console.log('line ' + i)");
  const lines = stdout.split("\n");
  expect(lines.length).toBe(200_001);
  expect(lines.findIndex((l, i) => i < 200_000 && l !== `line ${i}`)).toBe(-1);
  expect(published.at(-1)?.content.execution_state).toBe("idle");
  expect(published.filter((m) => m.type === "stream").length).toBeLessThan(2000);
});

test("output arrives while a cell computes", async () => {
  const first = kernel.waitFor((m) => m.type === "stream" && m.content.text === "begun\n");
  const cell = kernel.execute(
    `import { existsSync } from "node:fs"; console.log("begun"); while (!existsSync("seen")); console.log("done")`,
  );
  await first;
  writeFileSync(join(kernel.folder, "seen"), ""); // The cell computes until its first line was seen.
  expect((await cell).stdout).toBe("begun\ndone\n");
});

test("console methods, process streams and carriage returns", async () => {
  const { stdout, stderr } = await kernel.execute(`
    console.group("g"); console.log("%d of %s", 1, "two"); console.groupEnd();
    console.error("wrong"); console.table([{ a: 1 }]);
    process.stdout.write("10 %\\r"); process.stdout.write(new Uint8Array([0x32, 0x0a]));`);
  expect(stdout).toContain("g\n  1 of two\n");
  expect(stdout).toContain("│ 0       │ 1 │");
  expect(stdout.endsWith("10 %\r2\n")).toBe(true);
  expect(stderr).toBe("wrong\n");
});

test("a pipeline into process.stdout, end() and destroy() do not close it", async () => {
  const { stdout, stderr, reply } = await kernel.execute(`
    import { Readable } from "node:stream"; import { pipeline, finished } from "node:stream/promises";
    await pipeline(Readable.from(["a", "b"]), process.stdout); console.log("|");
    await pipeline(Readable.from(["c"]), process.stderr);
    await new Promise<void>((done) => process.stdout.end("end\\n", done));
    const closed = finished(process.stdout); process.stdout.end(); await closed;
    process.stdout.destroy(); process.stdout.write("still\\n"); process.stderr.destroy();
    await pipeline(Readable.from([1].map(() => { return "x" })), async function* (source) { for await (const _ of source) throw new Error("broken") }, process.stdout).catch((e) => console.log(e.message));
    const source = Readable.from(["piped\\n"]); source.pipe(process.stdout); await finished(source);`);
  expect(reply.evalue).toBeUndefined();
  expect(stdout).toBe("ab|\nend\nstill\nbroken\npiped\n");
  expect(stderr).toBe("c");
  expect((await kernel.execute("process.stdout.write('next')")).stdout).toBe("next");
});

test("anything but text or bytes is refused, with Node's errors", async () => {
  for (const wrong of ["5 as any", "null as any", "{} as any"])
    expect((await kernel.execute(`process.stdout.write(${wrong})`)).reply).toMatchObject({ ename: "TypeError" });
  expect((await kernel.execute("process.stdout.write('x', 'no-such' as any)")).reply.evalue).toBe("Unknown encoding: no-such");
  expect((await kernel.execute("process.stdout.write('616263', 'hex')")).stdout).toBe("abc");
});

test("a lone surrogate becomes U+FFFD in every message, so that the notebook can be saved", async () => {
  const half = '"😀"[0]';
  const cell = await kernel.execute(
    `console.log(${half}); await display({ "text/plain": ${half}, ["x/" + ${half}]: "k", "application/json": { [${half}]: ${half} } }, { raw: true }); ${half} + "\\\\ud83d"`,
    { user_expressions: { one: half } },
  );
  const failed = await kernel.execute(`throw Object.assign(new Error(${half}), { name: ${half} })`);
  const all = JSON.stringify([cell, failed]);
  expect(all).not.toMatch(/(?<!\\)(\\\\)*\\ud[89a-f]/);
  expect(cell.stdout).toBe("\ufffd\n");
  const { data } = cell.published.find((m) => m.type === "display_data")!.content;
  expect(data).toEqual({ "text/plain": "\ufffd", "x/\ufffd": "k", "application/json": { "\ufffd": "\ufffd" } });
  // inspect writes a lone surrogate as an escape, which stays.
  expect(cell.text).toMatch(/ud83d/i);
  expect(failed.reply).toMatchObject({ ename: "\ufffd", evalue: "\ufffd" });
});

test("bytes of a character may come one at a time, from a cell or a child, while another stream is written", async () => {
  const { stdout, stderr } = await kernel.execute(`
    import { spawn } from "node:child_process";
    for (const byte of new TextEncoder().encode("grün 😀 字\\n")) { process.stdout.write(new Uint8Array([byte])); process.stderr.write(new Uint8Array([byte])) }
    const child = spawn("sh", ["-c", "printf '\\\\303'; read _; printf '\\\\274\\\\n'"]);
    child.stdout.once("data", () => child.stdin.end("\\n")); // the second byte comes after the first was read
    child.stdout.pipe(process.stdout); await new Promise((done) => child.on("close", done));
    process.stdout.write(new Uint8Array([0xf0, 0x9f]));`);
  expect(stdout).toBe("grün 😀 字\nü\n\ufffd");
  expect(stderr).toBe("grün 😀 字\n");
});

test("every value of a bundle is sent as text or JSON", async () => {
  const { published, text } = await kernel.execute(`
    const circle: any = { n: 1n, bytes: new Uint8Array([1, 2]), floats: new Float32Array([0.5, 2]), nan: NaN }; circle.self = circle;
    await display({ "image/png": Buffer.from([1, 2]), "image/jpeg": new Uint8Array([1, 2]).buffer, "application/pdf": new DataView(new ArrayBuffer(1)),
      "text/plain": 5, "text/html": 5n, "text/latex": null, "text/x": Symbol("s"), "text/markdown": ["a\\n", "b"], "text/y": { a: 1 },
      "image/svg+xml": Buffer.from("<svg>ü</svg>"), "application/json": circle, "application/vnd.x+json": "text", "text/left": undefined, } as any, { raw: true });
    ({ [Symbol.for("Jupyter.display")]: () => ({ "text/plain": 7 }) })`);
  expect(published.find((m) => m.type === "display_data")!.content.data).toEqual({
    "image/png": "AQI=",
    "image/jpeg": "AQI=",
    "application/pdf": "AA==",
    "text/plain": "5",
    "text/html": "5",
    "text/latex": "null",
    "text/x": "Symbol(s)",
    "text/markdown": "a\nb",
    "text/y": "{ a: 1 }",
    "image/svg+xml": "<svg>ü</svg>",
    "application/json": { n: "1", bytes: "AQI=", floats: [0.5, 2], nan: null, self: "[Circular]" },
    "application/vnd.x+json": "text",
  });
  expect(text).toBe("7");
});

test("a proxy is shown, printed and thrown without calling its traps", async () => {
  await kernel.execute(`
    const asked: PropertyKey[] = [];
    const trap = (name: string) => (...a: any[]) => { asked.push(name + " " + String(a[1])); throw new Error("asked") };
    const names = ["get", "has", "ownKeys", "getPrototypeOf", "getOwnPropertyDescriptor", "isExtensible", "apply", "set", "defineProperty"];
    const nosy = (target: any): any => new Proxy(target, Object.fromEntries(names.map((n) => [n, trap(n)])));`);
  expect((await kernel.execute("nosy({ a: 1 })")).text).toBe("{ a: 1 }");
  expect((await kernel.execute("nosy([1, { b: 2 }])")).text).toBe("[ 1, { b: 2 } ]");
  expect((await kernel.execute("[nosy({ a: 1 })]")).text).toBe("[ { a: 1 } ]");
  expect((await kernel.execute("nosy(() => 1)")).text).toMatch(/Function/);
  expect((await kernel.execute("const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); proxy")).text).toBe(
    "<Revoked Proxy>",
  );
  expect((await kernel.execute("console.log(nosy({ a: 1 })); await display(nosy({ a: 1 }))")).stdout).toBe("{ a: 1 }\n");
  expect((await kernel.execute("throw nosy(new Error('inside'))")).reply).toMatchObject({ status: "error", ename: "Thrown" });
  expect((await kernel.execute("asked")).text).toBe("[]");
});

test("a value that would be megabytes of text is cut, and says so; a string is not", async () => {
  await kernel.execute(`
    const wide = Object.fromEntries(Array.from({ length: 300_000 }, (_, i) => ["key" + i, i]));
    const deep = (n: number): any => n ? Array.from({ length: 60 }, () => deep(n - 1)) : { a: 1 };`);
  for (const [code, note] of [
    ["wide", "… 299,900 more keys"],
    ["new Map([[1, wide]])", "[Object]"],
    ["deep(3)", "[Array]"],
    ["({ wide })", "[Object]"],
  ] as const) {
    const { text } = await kernel.execute(code);
    expect(text!.length, code).toBeLessThan(250_000);
    expect(text, code).toContain(note);
    expect((await kernel.execute(`console.log(${code})`)).stdout.length, code).toBeLessThan(250_000);
  }
  expect((await kernel.execute("console.log('x'.repeat(3_000_000))")).stdout.length).toBe(3_000_001);
});

test("an error on a line of 500 kB, and one with a message of 5 MB, are cut", async () => {
  const long = `const a = "${"x".repeat(500_000)}"; throw new Error("here");`;
  const size = (a: Awaited<ReturnType<typeof kernel.execute>>): number => JSON.stringify(a.reply).length;
  const line = await kernel.execute(long);
  expect(line.reply.traceback.join("\n")).toContain('throw new Error("here")');
  expect(size(line)).toBeLessThan(5_000);
  expect(size(await kernel.execute(`const b: number = "${"y".repeat(500_000)}"`))).toBeLessThan(50_000);
  const message = await kernel.execute("throw new Error('m'.repeat(5_000_000), { cause: 'c'.repeat(5_000_000) })");
  expect(message.reply.evalue).toMatch(/^m{10000}… \(4,990,000 more characters\)$/);
  expect(size(message)).toBeLessThan(50_000);
  expect(size(await kernel.execute("throw 's'.repeat(5_000_000)"))).toBeLessThan(50_000);
});

test("output of child processes and native code is captured before idle", async () => {
  const { stdout, stderr } = await kernel.execute(`
    import { spawnSync } from "node:child_process"; import { writeSync } from "node:fs";
    spawnSync("sh", ["-c", "echo from a child; echo complaint >&2"], { stdio: "inherit" });
    writeSync(1, "raw\\n");`);
  expect(stdout).toBe("from a child\nraw\n");
  expect(stderr).toBe("complaint\n");
});

test("late output belongs to the cell that started it", async () => {
  const late = kernel.waitFor((m) => m.type === "stream" && m.content.text.includes("late"));
  const starter = await kernel.execute(
    "let release!: () => void; void new Promise<void>((done) => { release = done }).then(() => console.log('late'))",
  );
  const next = await kernel.execute("release(); 'next'");
  const { parent } = await late;
  expect(parent).toBe(starter.published[0]!.parent);
  expect(next.stdout).toBe("");
});

test("late displays, and a generation that continues, belong to the cell that started them", async () => {
  const shown = kernel.waitFor((m) => m.type === "display_data");
  const written = kernel.waitFor((m) => m.type === "stream" && m.content.text.includes("[end]"));
  const starter = await kernel.execute(`
    import { load, tinyWorld } from "sparselab";
    const model = await load(tinyWorld);
    void (async () => {
      let text = "";
      for await (const step of model.generate("One Monday", { maxTokens: 30 })) { process.stdout.write(step.text); text += step.text }
      await display(text.length);
      console.log("[end]");
    })();
    "started"`);
  const others = await Promise.all([kernel.execute("'next'"), kernel.execute("'and next'")]);
  for (const late of [await shown, await written]) expect(late.parent).toBe(starter.published[0]!.parent);
  for (const other of others) expect(other.published.filter((m) => /stream|display/.test(m.type))).toEqual([]);
});

test("a result of 50 MB arrives complete", async () => {
  const { text } = await kernel.execute("'x'.repeat(50_000_000)");
  expect(text?.length).toBe(50_000_002);
});

test("display, update in place, clear, and a value that draws itself", async () => {
  const { published } = await kernel.execute(`
    await display({ "text/html": "<b>1</b>" }, { raw: true, display_id: "it" });
    await display({ "text/html": "<b>2</b>" }, { raw: true, display_id: "it", update: true });
    clearOutput(true);
    ({ async [Symbol.for("Jupyter.display")]() { await 0; return { "text/markdown": "**drawn**", "text/plain": "drawn" } } })`);
  const shown = published.filter((m) => !["status", "execute_input"].includes(m.type));
  expect(shown.map((m) => m.type)).toEqual(["display_data", "update_display_data", "clear_output", "execute_result"]);
  expect(shown[0]!.content).toEqual({ data: { "text/html": "<b>1</b>" }, metadata: {}, transient: { display_id: "it" } });
  expect(shown[1]!.content.transient).toEqual({ display_id: "it" });
  expect(shown[2]!.content).toEqual({ wait: true });
  expect(shown[3]!.content.data).toEqual({ "text/markdown": "**drawn**", "text/plain": "drawn" });
});

test("display refuses what it cannot do", async () => {
  for (const wrong of [
    "display(1, { update: true })",
    "display('text', { raw: true } )",
    "display(1, { displayId: 'x' } as object)",
  ]) {
    expect((await kernel.execute(`await ${wrong}`)).reply, wrong).toMatchObject({ status: "error", ename: "TypeError" });
  }
});

test("the lab's interface to the notebook: display with an id, the cell's key, a finisher at its end", async () => {
  const { published, stdout } = await kernel.execute(`
    const book = (globalThis as any)[Symbol.for("sparselab.notebook")];
    book.display({ "text/plain": "first" }, "fig");
    book.atEnd(async () => { await new Promise((r) => setTimeout(r, 30)); book.update({ "text/plain": "last" }, "fig") });
    console.log(book.cell() === book.cell(), book.signal().aborted); "result"`);
  expect(stdout).toBe("true false\n");
  const shown = published.filter((m) => /display|result/.test(m.type));
  expect(shown.map((m) => m.type)).toEqual(["display_data", "execute_result", "update_display_data"]);
  expect(shown[2]!.content).toEqual({ data: { "text/plain": "last" }, metadata: {}, transient: { display_id: "fig" } });
});

test("tslab's notebooks run unchanged", async () => {
  const { published, reply } = await kernel.execute(`
    import * as tslab from "tslab";
    tslab.display.html("<i>x</i>");
    import { display, newDisplay } from "tslab";
    tslab.display.markdown("# m"); display.svg("<svg/>"); display.latex("$x$"); display.javascript("0"); display.text("plain");
    display.png(new Uint8Array([1, 2])); display.jpeg(Buffer.from([1, 2])); display.gif(new Uint8Array(1)); display.pdf(new Uint8Array(1));
    display.raw("application/json", "{}");
    const once = newDisplay(); once.text("1"); once.text("2");
    if (!tslab.versions.tslab || !tslab.versions.typescript) throw new Error("no versions");`);
  expect(reply.status).toBe("ok");
  const shown = published.filter((m) => m.type.includes("display"));
  expect(shown.map((m) => [m.type, m.content.data])).toEqual([
    ["display_data", { "text/html": "<i>x</i>" }],
    ["display_data", { "text/markdown": "# m" }],
    ["display_data", { "image/svg+xml": "<svg/>" }],
    ["display_data", { "text/latex": "$x$" }],
    ["display_data", { "text/javascript": "0" }],
    ["display_data", { "text/plain": "plain" }],
    ["display_data", { "image/png": "AQI=" }],
    ["display_data", { "image/jpeg": "AQI=" }],
    ["display_data", { "image/gif": "AA==" }],
    ["display_data", { "application/pdf": "AA==" }],
    ["display_data", { "application/json": "{}" }],
    ["display_data", { "text/plain": "1" }],
    ["update_display_data", { "text/plain": "2" }],
  ]);
  expect(shown.at(-1)!.content.transient).toEqual(shown.at(-2)!.content.transient);
  expect(shown.at(-1)!.content.transient.display_id).toBeTypeOf("string");
});
