/** `npm start` as a process: it prints a working address, ends on Ctrl-C with everything it started, and leaves no file in the user's home. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "sparselab-home-"));
});
const children: ChildProcess[] = [];
afterAll(() => {
  // A failed test leaves its process, which stops what it started at SIGTERM.
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
  rmSync(home, { recursive: true, force: true });
});

function start(...args: string[]) {
  const env = { ...process.env, HOME: home, DISPLAY: "", WAYLAND_DISPLAY: "" };
  // Its own process group, so that the test can send Ctrl-C to the whole group, as a terminal does.
  const child = spawn(process.execPath, ["scripts/start.mjs", ...args], { cwd: root, env, detached: true });
  children.push(child);
  const started = { child, output: "", exit: new Promise<number | null>((resolve) => child.once("close", resolve)) };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (started.output += data));
  return started;
}

async function until<T>(what: string, seconds: number, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (const deadline = performance.now() + seconds * 1000; performance.now() < deadline; await sleep(200)) {
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new Error(`${what}: not within ${seconds} s`);
}

const alive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** Process ids of everything below `child`, from the table of processes. */
async function descendants(child: ChildProcess): Promise<number[]> {
  const table = await new Promise<string>((resolve) => {
    const ps = spawn("ps", ["-A", "-o", "pid=,ppid="]);
    let text = "";
    ps.stdout.on("data", (data) => (text += data));
    ps.once("close", () => resolve(text));
  });
  const pairs = table
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
  const below = (pid: number): number[] =>
    pairs.filter(([, parent]) => parent === pid).flatMap(([own]) => [own!, ...below(own!)]);
  return below(child.pid!);
}

test("an unknown option is refused with the nearest, before anything is done", async () => {
  const started = start("--no-browsr");
  expect(await started.exit).toBe(1);
  expect(started.output.trim()).toBe(
    "unknown option --no-browsr. Did you mean --no-browser? Known: --no-browser, --port, --check",
  );
});

test("a port in use is an error before anything is done", async () => {
  const taken = createServer();
  const port = await new Promise<number>((resolve) => {
    taken.listen(0, "127.0.0.1", () => resolve((taken.address() as { port: number }).port));
  });
  const started = start("--no-browser", "--port", String(port));
  expect(await started.exit).toBe(1);
  taken.close();
  expect(started.output.trim()).toBe(`port ${port} is in use by another program; choose another with --port N, or omit --port`);
});

test("--check runs a cell on the kernel", { timeout: 180_000 }, async () => {
  const started = start("--check");
  expect(await started.exit, started.output).toBe(0);
  expect(started.output).toMatch(/answer 42\n(.*\n)*the kernel works\n$/);
});

test("the address works, and ctrl-C ends the server and its kernels", { timeout: 180_000 }, async () => {
  const started = start("--no-browser");
  const address = await until(
    "the address",
    120,
    () => started.output.match(/http:\/\/127\.0\.0\.1:\d+\/lab\/tree\/\S+\?token=\w+/)?.[0],
  );
  expect((await fetch(address)).status).toBe(200);
  const { origin, searchParams } = new URL(address);
  const authorization = `token ${searchParams.get("token")}`;
  expect((await fetch(`${origin}/api/kernels`)).status).toBe(403);
  const kernel = await fetch(`${origin}/api/kernels`, {
    method: "POST",
    headers: { authorization },
    body: '{"name": "sparselab"}',
  });
  expect(kernel.status).toBe(201);
  // The server, the kernel, and the kernel's own process for the cells.
  const processes = await until("the kernel's processes", 30, async () => {
    const below = await descendants(started.child);
    return below.length >= 3 ? below : undefined;
  });

  process.kill(-started.child.pid!, "SIGINT");
  expect(await started.exit, started.output).toBe(0);
  await until("the end of every process", 10, () => (processes.some(alive) ? undefined : true));
});

test("nothing was written to the user's home", () => {
  expect(readdirSync(home)).toEqual([]);
});
