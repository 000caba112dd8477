/** The stop button stops a cell, the rest of the kernel stays responsive, and the kernel survives its engine. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Request } from "zeromq";
import { until } from "../support/until.js";
import { type Answer, Client, freePorts, kernelMain, type Received } from "./client.js";

let kernel: Client;
beforeAll(async () => {
  kernel = await Client.start();
  await kernel.execute("let state = ''");
});
afterAll(() => kernel.close());

/** Resolves when a process has ended. One that only waits to be reaped by its parent (a zombie) has ended. */
const ended = (pid: number): Promise<void> =>
  until(() => {
    try {
      process.kill(pid, 0);
      return /^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "ESRCH";
    }
  });

/** Runs a cell, and resolves when it has printed "begun". The cell itself goes on. */
async function begin(code: string, client = kernel): Promise<{ readonly cell: Promise<Answer> }> {
  const begun = client.waitFor((m) => m.type === "stream" && m.content.text.includes("begun"));
  const cell = client.execute(code);
  cell.catch(() => {}); // A test may end the kernel while the cell runs.
  await begun;
  return { cell };
}

const BEGUN = "console.log('begun');";
const cases: Record<string, string> = {
  "a loop": `${BEGUN} for (;;) {}`,
  "a loop after an await": `await 0; ${BEGUN} for (;;) {}`,
  "a loop after a timer": `await new Promise((r) => setTimeout(r, 1)); ${BEGUN} for (;;) {}`,
  "a loop in a timer's callback": `setTimeout(() => { ${BEGUN} for (;;) {} }, 1); await new Promise(() => {})`,
  "a loop of microtasks": `${BEGUN} for (;;) await 0`,
  "a loop that prints": `${BEGUN} for (let i = 0; ; i++) console.log(i)`,
  "a loop in try and finally": `try { ${BEGUN} for (;;) {} } finally { state = 'changed' }`,
  "an awaiting cell": `${BEGUN} await new Promise(() => {})`,
  "a loop of timers that prints": `${BEGUN} for (;;) { await new Promise((r) => setTimeout(r, 10)); console.log('tick') }`,
  "a call that listens to the stop signal": `
    const { signal } = { signal: (globalThis as any)[Symbol.for("sparselab.notebook")].signal() as AbortSignal };
    const stopped = new Promise((_, fail) => signal.addEventListener("abort", () => { console.log("heard"); fail(new Error("stopped")) }));
    ${BEGUN} await stopped`,
};

for (const [name, code] of Object.entries(cases)) {
  test(`stops ${name}, state kept`, async () => {
    const { cell } = await begin(`state = ${JSON.stringify(name)};\n${code}`);
    await kernel.heartbeat();
    expect((await kernel.request("interrupt_request", {}, "control")).reply.status).toBe("ok");
    const { reply, stdout } = await cell;
    expect(reply).toMatchObject({ status: "error", ename: "Interrupted", evalue: "the cell was stopped" });
    if (name.includes("signal")) expect(stdout).toContain("heard");
    // It is the same engine: one that did not stop in time would have been killed and have lost its state.
    expect((await kernel.execute("state")).text).toBe(JSON.stringify(name).replaceAll('"', name.includes("'") ? '"' : "'"));
  });
}

test("a stopped cell that keeps running prints nothing more", async () => {
  const { cell } = await begin(
    "let prints = 0; for (;;) { await new Promise((r) => setTimeout(r, 1)); prints++; console.log('begun') }",
  );
  await kernel.request("interrupt_request", {}, "control");
  const before = (await cell).stdout.split("\n").length - 1;
  // Its timer still fires, and its next print ends it.
  const { stdout, text } = await kernel.execute(
    `while (prints <= ${before}) await new Promise((r) => setTimeout(r, 1)); await new Promise((r) => setTimeout(r, 1)); prints`,
  );
  expect([stdout, text]).toEqual(["", `${before + 1}`]);
  expect(kernel.received.filter((m) => m.type === "stream" && m.content.text.includes("begun")).at(-1)?.parent).toBe(
    (await cell).published[0]!.parent,
  );
});

test("timers and promises of a stopped cell may fail later without harm", async () => {
  const { cell } = await begin(`let survivor = 1, failures = 0, release!: () => void;
    const later = new Promise<void>((done) => { release = done });
    void later.then(() => { failures++; throw new Error("a rejection") });
    void later.then(() => setTimeout(() => { failures++; throw new Error("in a timer") }, 1));
    ${BEGUN} await new Promise(() => {})`);
  await kernel.request("interrupt_request", {}, "control");
  await cell;
  const { text } = await kernel.execute(
    "release(); while (failures < 2) await new Promise((r) => setTimeout(r, 1)); [survivor, failures]",
  );
  expect(text).toBe("[ 1, 2 ]");
  expect((await kernel.execute("survivor")).text).toBe("1");
});

test("a native sweep stops, and so does one that the cell started without awaiting it", async () => {
  const held = JSON.stringify(resolve("notebooks/models/held.txt"));
  await kernel.execute(`
    import { corpus, fatrelu, load, sweep, tinyWorld } from "sparselab";
    const model = await load(tinyWorld, { activation: "relu" });
    const job = (onUpdate?: () => void) =>
      sweep(model, { over: fatrelu(0, 0.5, 1, 1.5), on: corpus(${held}, { maxTokens: 32_768 }), measure: ["perplexity"], onUpdate });
    let points = 0;
    let left = "still going";`);
  const { cell } = await begin(`
    const other = job();
    void (async () => { for await (const _ of other) points++ })().then(() => { left = "finished" }, (e) => { left = e.name + " " + e.code });
    for await (const _ of job(() => console.log("begun"))) points++;`);
  await kernel.request("interrupt_request", {}, "control");
  expect((await cell).reply).toMatchObject({ status: "error", ename: "Interrupted" });
  const { text } = await kernel.execute(
    'while (left === "still going") await new Promise((r) => setTimeout(r, 1)); [points, left]',
  );
  expect(text).toMatch(/^\[ [0-3], '(LabError aborted|AbortError .*|Interrupted .*)' \]$/);
});

test("completion, help and control answer while a cell computes", async () => {
  const { cell } = await begin(`${BEGUN} for (;;) {}`);
  const { reply } = await kernel.request("complete_request", { code: "state.toUp", cursor_pos: 10 });
  expect(reply.matches).toContain("toUpperCase");
  expect((await kernel.request("inspect_request", { code: "state", cursor_pos: 3, detail_level: 0 })).reply.found).toBe(true);
  expect((await kernel.request("kernel_info_request", {}, "control")).reply.status).toBe("ok");
  expect((await kernel.request("history_request", { hist_access_type: "tail", n: 1 })).reply.status).toBe("ok");
  await kernel.heartbeat();
  await kernel.request("interrupt_request", {}, "control");
  await cell;
});

test("a stop aborts what is queued, and a stop with no cell running does nothing", async () => {
  const { cell } = await begin(`${BEGUN} await new Promise(() => {})`);
  const queued = kernel.execute("'queued'");
  await kernel.request("kernel_info_request"); // On the same socket: answered after the cell before it was queued.
  await kernel.request("interrupt_request", {}, "control");
  expect((await Promise.all([cell, queued])).map((c) => c.reply.status)).toEqual(["error", "aborted"]);
  await kernel.request("interrupt_request", {}, "control");
  expect((await kernel.execute("1 + 1")).text).toBe("2");
});

describe("a cell that waits for a child process", () => {
  /** The line with the child's process id. */
  const childStarted = (): Promise<Received> => kernel.waitFor((m) => m.type === "stream" && /^child \d+$/m.test(m.content.text));

  for (const [name, code] of Object.entries({
    execSync: 'execSync("echo child $$; exec sleep 60", { stdio: "inherit" })',
    "a shell's own child": 'execSync("echo child $$; sleep 60; echo not this", { stdio: "inherit" })',
    "spawnSync, again and again": 'for (;;) spawnSync("sh", ["-c", "echo child $$; exec sleep 60"], { stdio: "inherit" })',
    "a child that ignores SIGINT": `execSync("trap '' INT; echo child $$; sleep 60; sleep 60", { stdio: "inherit" })`,
  })) {
    test(`stops, state kept: ${name}`, async () => {
      await kernel.execute('import { execSync, spawnSync } from "node:child_process"; state = "kept"');
      const child = childStarted();
      const cell = kernel.execute(`${code}; state = "went on"`);
      const pid = Number(/\d+/.exec((await child).content.text)![0]);
      await kernel.request("interrupt_request", {}, "control");
      const { reply, stdout } = await cell;
      expect(reply).toMatchObject({ status: "error", ename: "Interrupted", evalue: "the cell was stopped" });
      expect(stdout).not.toContain("not this");
      expect((await kernel.execute("state")).text).toBe("'kept'");
      await ended(pid);
    });
  }

  test("a child of an earlier cell is left alone", async () => {
    // Cells are distinguished by the time at which they start a process, which some systems give in whole seconds: the next cell begins later.
    const { text } = await kernel.execute(
      'import { spawn } from "node:child_process"; const server = spawn("sleep", ["60"]); await new Promise((r) => setTimeout(r, 1100)); server.pid',
    );
    const child = childStarted();
    const cell = kernel.execute(
      'import { execSync } from "node:child_process"; execSync("echo child $$; exec sleep 60", { stdio: "inherit" })',
    );
    await child;
    await kernel.request("interrupt_request", {}, "control");
    await cell;
    process.kill(Number(text), 0);
    expect((await kernel.execute("server.exitCode ?? server.signalCode")).text).toBe("null");
    await kernel.execute("server.kill()");
  });
});

test("as a last resort the engine is killed after 2 s, and the error says so", async () => {
  // Reading a FIFO without a writer blocks the main thread in a system call.
  await kernel.execute('import { execFileSync } from "node:child_process"; execFileSync("mkfifo", ["fifo"])');
  const waits = kernel.waitFor((m) => m.type === "stream" && m.content.text === "waits\n");
  const cell = kernel.execute('import { readFileSync } from "node:fs"; console.log("waits"); readFileSync("fifo")');
  await waits;
  await kernel.request("interrupt_request", {}, "control");
  const { reply } = await cell;
  expect(reply.ename).toBe("Interrupted");
  expect(reply.evalue).toMatch(/did not stop within 2 s.*variables are lost/);
  expect((await kernel.execute("state")).reply.evalue).toBe("Cannot find name 'state'.");
});

test("process.exit and a crash end the cell, not the kernel", async () => {
  await kernel.execute("let lost = 1");
  const { reply, stdout } = await kernel.execute("console.log('before'); process.exit(3)");
  expect(stdout).toBe("before\n");
  expect(reply).toMatchObject({ status: "error", ename: "EngineEnded" });
  expect(reply.evalue).toMatch(/ended with exit code 3\. Its variables are lost/);
  expect((await kernel.execute("lost")).reply.evalue).toBe("Cannot find name 'lost'.");
  const crash = await kernel.execute("process.kill(process.pid, 'SIGSEGV'); await new Promise(() => {})");
  expect(crash.reply.evalue).toMatch(/by signal SIGSEGV/);
  const abort = await kernel.execute("process.abort()");
  expect(abort.reply).toMatchObject({ status: "error", ename: "EngineEnded" });
  expect(abort.reply.evalue).toMatch(/by signal SIGABRT/);
  expect((await kernel.execute("6 * 7")).text).toBe("42");
});

test("an engine that ends between cells is reported on stderr", async () => {
  const pid = Number((await kernel.execute("process.pid")).text);
  const report = kernel.waitFor((m) => m.type === "stream" && m.content.name === "stderr");
  process.kill(pid, "SIGTERM");
  expect((await report).content.text).toMatch(/ended by signal SIGTERM/);
  expect((await kernel.execute("1")).text).toBe("1");
});

test("shutdown answers and leaves no process", async () => {
  const other = await Client.start();
  const pid = Number((await other.execute("process.pid")).text);
  await begin(`${BEGUN} for (;;) {}`, other);
  await other.close();
  await ended(pid);
});

test("shutdown runs exit handlers, and what they print arrives", async () => {
  const other = await Client.start();
  const file = join(kernel.folder, "exited");
  await other.execute(
    `import { writeFileSync } from "node:fs"; process.on("exit", () => { console.log("bye"); writeFileSync(${JSON.stringify(file)}, "written at exit") })`,
  );
  const bye = other.waitFor((m) => m.type === "stream" && m.content.text === "bye\n");
  await Promise.all([bye, other.close()]);
  expect(readFileSync(file, "utf8")).toBe("written at exit");
});

test("shutdown stops a cell that computes before its exit handlers run; one that never returns is killed", async () => {
  const file = join(kernel.folder, "exited-2");
  for (const handler of [`writeFileSync(${JSON.stringify(file)}, "written")`, "for (;;) {}"]) {
    const other = await Client.start();
    const pid = Number(
      (await other.execute(`import { writeFileSync } from "node:fs"; process.on("exit", () => { ${handler} }); process.pid`))
        .text,
    );
    await begin(`${BEGUN} for (;;) {}`, other);
    await other.close();
    await ended(pid);
  }
  expect(readFileSync(file, "utf8")).toBe("written");
});

test.each(["shutdown", "a killed server"])("%s leaves no child behind, detached or not, nor a child's child", async (how) => {
  const other = await Client.start();
  const { text } = await other.execute(`
    import { spawn, execFileSync } from "node:child_process";
    const near = spawn("sleep", ["300"]), far = spawn("sleep", ["300"], { detached: true, stdio: "ignore" });
    far.unref();
    // Its parent exits at once, so it is not a descendant of the engine any more.
    const farther = Number(execFileSync("sh", ["-c", "setsid sleep 300 > /dev/null 2>&1 & echo $!"], { encoding: "utf8" }));
    [near.pid, far.pid, farther].join()`);
  const pids = text!.match(/\d+/g)!.map(Number);
  expect(pids).toHaveLength(3);
  for (const pid of pids) process.kill(pid, 0);
  if (how === "shutdown") await other.close();
  else {
    other.process.kill("SIGKILL");
    await new Promise((done) => other.process.once("exit", done));
  }
  await Promise.all(pids.map(ended));
  await other.close();
});

test("a kernel ends when its front end is killed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sparselab-parent-"));
  const file = join(folder, "connection.json");
  const [shell_port, control_port, stdin_port, iopub_port, hb_port] = await freePorts(5);
  writeFileSync(
    file,
    JSON.stringify({ transport: "tcp", ip: "127.0.0.1", key: "", shell_port, control_port, stdin_port, iopub_port, hb_port }),
  );
  const script = `const { pid } = require("node:child_process").spawn(process.execPath, [${JSON.stringify(kernelMain)}, ${JSON.stringify(file)}],
    { stdio: "ignore", env: { ...process.env, JPY_PARENT_PID: String(process.pid) } }); console.log(pid); setInterval(() => {}, 1000)`;
  const parent = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "ignore"] });
  const pid = Number(await new Promise((done) => parent.stdout.once("data", done)));
  const heartbeat = new Request({ linger: 0 });
  heartbeat.connect(`tcp://127.0.0.1:${hb_port}`);
  await heartbeat.send("ping");
  await heartbeat.receive();
  heartbeat.close();
  parent.kill("SIGKILL");
  await ended(pid);
  rmSync(folder, { recursive: true });
});

test("a killed server leaves no engine behind, even one that computes", async () => {
  const other = await Client.start();
  const pid = Number((await other.execute("process.pid")).text);
  await begin(`${BEGUN} for (;;) {}`, other);
  other.process.kill("SIGKILL");
  await new Promise((done) => other.process.once("exit", done));
  await ended(pid);
  await other.close();
});
