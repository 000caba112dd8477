/** The stop button stops, the rest of the kernel answers meanwhile, and the kernel outlives its engine. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client, freePorts, kernelMain, type Received } from "./client.js";

let kernel: Client;
beforeAll(async () => {
  kernel = await Client.start();
  await kernel.execute("let state = ''");
});
afterAll(() => kernel.close());

/** Whether a process ends within 5 s; one that only waits to be collected by its parent has ended. */
async function gone(pid: number): Promise<boolean> {
  for (let i = 0; i < 50; i++) {
    await pause(100);
    try {
      process.kill(pid, 0);
      if (/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"))) return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ESRCH") return true;
    }
  }
  return false;
}

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

const cases: Record<string, string> = {
  "a loop": "for (;;) {}",
  "a loop after an await": "await 0; for (;;) {}",
  "a loop after a timer": "await new Promise((r) => setTimeout(r, 20)); for (;;) {}",
  "a loop in a timer's callback": "setTimeout(() => { for (;;) {} }, 10); await new Promise(() => {})",
  "a loop of microtasks": "for (;;) await 0",
  "a loop that prints": "for (let i = 0; ; i++) console.log(i)",
  "a loop in try and finally": "try { for (;;) {} } finally { state = 'changed' }",
  "an awaiting cell": "await new Promise(() => {})",
  "a loop of timers that prints": "for (;;) { await new Promise((r) => setTimeout(r, 10)); console.log('tick') }",
  "work that hears the stop signal": `
    const { signal } = { signal: (globalThis as any)[Symbol.for("sparselab.notebook")].signal() as AbortSignal };
    await new Promise((_, fail) => signal.addEventListener("abort", () => { console.log("heard"); fail(new Error("stopped")) }))`,
};

for (const [name, code] of Object.entries(cases)) {
  test(`stops ${name}, state kept`, async () => {
    const begun = kernel.waitFor((m) => m.type === "stream" && m.content.text.startsWith("begun"));
    const cell = kernel.execute(`state = ${JSON.stringify(name)}; console.log("begun");\n${code}`);
    await begun;
    await pause(100);
    await kernel.heartbeat();
    expect((await kernel.request("interrupt_request", {}, "control")).reply.status).toBe("ok");
    const { reply, stdout } = await cell;
    expect(reply).toMatchObject({ status: "error", ename: "Interrupted", evalue: "the cell was stopped" });
    if (name.includes("signal")) expect(stdout).toContain("heard");
    // The same engine goes on: one that does not stop by itself is ended after 2 s, and its state with it.
    expect((await kernel.execute("state")).text).toBe(JSON.stringify(name).replaceAll('"', name.includes("'") ? '"' : "'"));
  });
}

test("what a stopped cell still does prints nothing more", async () => {
  const cell = kernel.execute("for (;;) { await new Promise((r) => setTimeout(r, 10)); console.log('zombie') }");
  await pause(200);
  await kernel.request("interrupt_request", {}, "control");
  await cell;
  const before = kernel.received.length;
  await pause(200);
  expect(kernel.received.slice(before).filter((m) => m.type === "stream")).toEqual([]);
});

test("what a stopped cell left behind may fail later without harm", async () => {
  const cell = kernel.execute(`let survivor = 1;
    setTimeout(() => { throw new Error("late") }, 400);
    void new Promise((_, fail) => setTimeout(() => fail(new Error("later")), 450));
    await new Promise(() => {})`);
  await pause(150);
  await kernel.request("interrupt_request", {}, "control");
  await cell;
  await pause(500);
  expect((await kernel.execute("survivor")).text).toBe("1");
});

test("a native sweep stops, and so does what the cell started through the lab without waiting for it", async () => {
  const held = JSON.stringify(resolve("notebooks/models/held.txt"));
  await kernel.execute(`
    import { corpus, fatrelu, load, sweep, tinyWorld } from "sparselab";
    const model = await load(tinyWorld, { activation: "relu" });
    const job = () => sweep(model, { over: fatrelu(0, 0.5, 1, 1.5), on: corpus(${held}, { maxTokens: 32_768 }), measure: ["perplexity"] });
    let points = 0;
    let left = "still going";`);
  const cell = kernel.execute(`
    const other = job();
    void (async () => { for await (const _ of other) points++ })().then(() => { left = "finished" }, (e) => { left = e.name + " " + e.code });
    for await (const _ of job()) points++;`);
  await kernel.waitFor((m) => m.type === "execute_input");
  await pause(700);
  await kernel.request("interrupt_request", {}, "control");
  expect((await cell).reply).toMatchObject({ status: "error", ename: "Interrupted" });
  await kernel.execute("const before = process.cpuUsage(); await new Promise((r) => setTimeout(r, 400))");
  // Milliseconds of computing in 400: two threads at work would be more than 400.
  const busy = Number((await kernel.execute("process.cpuUsage(before).user / 1000")).text);
  expect(busy).toBeLessThan(250);
  expect((await kernel.execute("[points, left]")).text).toMatch(
    /^\[ [0-3], '(LabError aborted|AbortError .*|Interrupted .*)' \]$/,
  );
});

test("completion, help and control answer while a cell computes", async () => {
  const cell = kernel.execute("for (;;) {}");
  await pause(200);
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
  const cells = [kernel.execute("await new Promise(() => {})"), kernel.execute("'queued'")];
  await pause(200);
  await kernel.request("interrupt_request", {}, "control");
  expect((await Promise.all(cells)).map((c) => c.reply.status)).toEqual(["error", "aborted"]);
  await kernel.request("interrupt_request", {}, "control");
  expect((await kernel.execute("1 + 1")).text).toBe("2");
});

describe("a cell that waits for a child process", () => {
  /** The line that says the child is there. */
  const begun = (): Promise<Received> => kernel.waitFor((m) => m.type === "stream" && /^child \d+$/m.test(m.content.text));

  for (const [name, code] of Object.entries({
    execSync: 'execSync("echo child $$; exec sleep 60", { stdio: "inherit" })',
    "a shell's own child": 'execSync("echo child $$; sleep 60; echo not this", { stdio: "inherit" })',
    "spawnSync, again and again": 'for (;;) spawnSync("sh", ["-c", "echo child $$; exec sleep 60"], { stdio: "inherit" })',
    "a child that ignores SIGINT": `execSync("trap '' INT; echo child $$; sleep 60; sleep 60", { stdio: "inherit" })`,
  })) {
    test(`stops, state kept: ${name}`, async () => {
      await kernel.execute('import { execSync, spawnSync } from "node:child_process"; state = "kept"');
      const child = begun();
      const cell = kernel.execute(`${code}; state = "went on"`);
      const pid = Number(/\d+/.exec((await child).content.text)![0]);
      await kernel.request("interrupt_request", {}, "control");
      const { reply, stdout } = await cell;
      expect(reply).toMatchObject({ status: "error", ename: "Interrupted", evalue: "the cell was stopped" });
      expect(stdout).not.toContain("not this");
      expect((await kernel.execute("state")).text).toBe("'kept'");
      expect(await gone(pid)).toBe(true);
    });
  }

  test("a child of an earlier cell is left alone", async () => {
    const { text } = await kernel.execute(
      'import { spawn } from "node:child_process"; const server = spawn("sleep", ["60"]); await new Promise((r) => setTimeout(r, 1100)); server.pid',
    );
    const child = begun();
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

test("where nothing helps, the engine is ended after 2 s and says so", async () => {
  // A FIFO that nobody writes to: the main thread waits in the system.
  await kernel.execute('import { execFileSync } from "node:child_process"; execFileSync("mkfifo", ["fifo"])');
  const waits = kernel.waitFor((m) => m.type === "stream" && m.content.text === "waits\n");
  const cell = kernel.execute('import { readFileSync } from "node:fs"; console.log("waits"); readFileSync("fifo")');
  await waits;
  const begin = performance.now();
  await kernel.request("interrupt_request", {}, "control");
  const { reply } = await cell;
  expect(performance.now() - begin).toBeGreaterThan(1500);
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

test("an engine that ends between cells is told on stderr", async () => {
  const told = kernel.waitFor((m) => m.type === "stream" && m.content.name === "stderr");
  await kernel.execute("setTimeout(() => process.exit(5), 50)");
  expect((await told).content.text).toMatch(/ended with exit code 5/);
  expect((await kernel.execute("1")).text).toBe("1");
});

test("shutdown answers and leaves no process", async () => {
  const other = await Client.start();
  const pid = Number((await other.execute("process.pid")).text);
  const busy = other.execute("for (;;) {}").catch(() => undefined);
  await pause(200);
  await other.close();
  expect(await gone(pid)).toBe(true);
  void busy;
});

test("shutdown runs the handlers of exit, and what they print arrives", async () => {
  const other = await Client.start();
  const file = join(kernel.folder, "exited");
  await other.execute(
    `import { writeFileSync } from "node:fs"; process.on("exit", () => { console.log("bye"); writeFileSync(${JSON.stringify(file)}, "written at exit") })`,
  );
  const bye = other.waitFor((m) => m.type === "stream" && m.content.text === "bye\n");
  await Promise.all([bye, other.close()]);
  expect(readFileSync(file, "utf8")).toBe("written at exit");
});

test("a cell that computes is ended first, then its handlers run; one that never ends is not waited for", async () => {
  const file = join(kernel.folder, "exited-2");
  for (const handler of [`writeFileSync(${JSON.stringify(file)}, "written")`, "for (;;) {}"]) {
    const other = await Client.start();
    const pid = Number(
      (await other.execute(`import { writeFileSync } from "node:fs"; process.on("exit", () => { ${handler} }); process.pid`))
        .text,
    );
    const begun = other.waitFor((m) => m.type === "stream");
    other.execute("console.log('begun'); for (;;) {}").catch(() => undefined);
    await begun;
    await other.close();
    expect(await gone(pid)).toBe(true);
  }
  expect(readFileSync(file, "utf8")).toBe("written");
});

test.each(["shutdown", "a killed server"])("%s leaves no child behind, detached or not, nor a child's child", async (how) => {
  const other = await Client.start();
  const { text } = await other.execute(`
    import { spawn, execFileSync } from "node:child_process";
    const near = spawn("sleep", ["300"]), far = spawn("sleep", ["300"], { detached: true, stdio: "ignore" });
    far.unref();
    // Its parent ends at once: nobody's child any more.
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
  expect(await Promise.all(pids.map(gone))).toEqual([true, true, true]);
  await other.close();
});

test("a kernel whose front end was killed ends, and its engine too", async () => {
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
  await pause(1000);
  process.kill(pid, 0);
  parent.kill("SIGKILL");
  expect(await gone(pid)).toBe(true);
  rmSync(folder, { recursive: true });
});

test("a killed server leaves no engine behind, even one that computes", async () => {
  const other = await Client.start();
  const pid = Number((await other.execute("process.pid")).text);
  other.execute("for (;;) {}").catch(() => undefined);
  await pause(300);
  other.process.kill("SIGKILL");
  await new Promise((done) => other.process.once("exit", done));
  expect(await gone(pid)).toBe(true);
  await other.close();
});
