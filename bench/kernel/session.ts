/**
 * One kernel process and a client that times it. It works with any kernel of the Jupyter protocol, even one that omits a reply or an idle status,
 * and times all of them the same way.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Dealer, Subscriber } from "zeromq";
import type { Engine } from "./engines.js";

interface Received {
  readonly channel: "shell" | "control" | "iopub";
  readonly type: string;
  readonly parent: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/** The answers to one request, and when they came, ms after it was sent. */
export interface Timed {
  readonly reply: Readonly<Record<string, unknown>>;
  /** Reply and idle status have both arrived. */
  readonly ms: number;
  readonly replyMs: number;
}

/** How a flood of lines arrived. */
export interface Flood {
  readonly lines: number;
  /** Until the last line that came. */
  readonly ms: number;
  readonly messages: number;
  readonly idle: boolean;
}

const PATIENCE_MS = 60_000;
/** An idle status that has not come so long after the reply is lost. */
const IDLE_MS = 3000;
/** A flood that brings nothing for so long is over. */
const SILENCE_MS = 5000;

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => new Promise((done) => server.once("listening", done))));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

export class Session {
  readonly #engine: Engine;
  readonly #key = randomUUID();
  readonly #folder = mkdtempSync(join(tmpdir(), "sparselab-bench-"));
  // A socket that is not connected yet tries again every 5 ms: the kernel is timed, not ZeroMQ's retries.
  readonly #shell = new Dealer({ linger: 0, reconnectInterval: 5 });
  readonly #control = new Dealer({ linger: 0, reconnectInterval: 5 });
  readonly #iopub = new Subscriber({ linger: 0, reconnectInterval: 5, receiveHighWaterMark: 0 });
  readonly #listeners = new Set<(message: Received) => void>();
  readonly #process: ChildProcess;
  readonly #begin: number;
  #log = "";
  /** Requests whose idle status never came: their time is that of the reply. */
  idlesLost = 0;
  /** From the start of the process to its first kernel_info_reply. */
  startMs = 0;

  static async start(engine: Engine): Promise<Session> {
    const session = new Session(engine, await freePorts(5));
    try {
      const [info] = await Promise.all([
        session.request("kernel_info_request", {}, { idle: false }),
        engine.welcomes ? session.#waitFor((m) => m.type === "iopub_welcome", "iopub_welcome") : undefined,
      ]);
      if (!info.reply.language_info) throw new Error("kernel_info_reply without language_info");
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  private constructor(engine: Engine, [shell, control, stdin, iopub, hb]: number[]) {
    this.#engine = engine;
    const connection = {
      transport: "tcp",
      ip: "127.0.0.1",
      key: this.#key,
      signature_scheme: "hmac-sha256",
      shell_port: shell,
      control_port: control,
      stdin_port: stdin,
      iopub_port: iopub,
      hb_port: hb,
      kernel_name: engine.name,
    };
    const file = join(this.#folder, "connection.json");
    writeFileSync(file, JSON.stringify(connection));
    this.#shell.connect(`tcp://127.0.0.1:${shell}`);
    this.#control.connect(`tcp://127.0.0.1:${control}`);
    this.#iopub.connect(`tcp://127.0.0.1:${iopub}`);
    this.#iopub.subscribe();
    void this.#listen("shell", this.#shell);
    void this.#listen("control", this.#control);
    void this.#listen("iopub", this.#iopub);
    this.#begin = performance.now();
    // The user's history and settings are neither read nor changed.
    const env = {
      ...process.env,
      IPYTHONDIR: this.#folder,
      JUPYTER_DATA_DIR: this.#folder,
      DENO_DIR: join(this.#folder, "deno"),
    };
    this.#process = spawn(engine.command, engine.args(file), { cwd: engine.cwd, env, stdio: ["ignore", "ignore", "pipe"] });
    this.#process.stderr!.on("data", (chunk: Buffer) => {
      this.#log = (this.#log + chunk.toString()).slice(-2000);
    });
    this.#process.on("error", (error) => {
      this.#log += error.message;
    });
    process.once("exit", this.#kill);
  }

  async #listen(channel: Received["channel"], socket: Dealer | Subscriber): Promise<void> {
    try {
      for await (const frames of socket) {
        const at = frames.findIndex((frame) => frame.toString("latin1") === "<IDS|MSG>");
        const part = (i: number) => JSON.parse(frames[at + i]!.toString()) as Record<string, unknown>;
        const message = {
          channel,
          type: String(part(2).msg_type),
          parent: String(part(3).msg_id ?? ""),
          content: part(5),
        };
        for (const listener of this.#listeners) listener(message);
      }
    } catch {
      // Closed.
    }
  }

  #waitFor(fits: (message: Received) => boolean, what: string, patience = PATIENCE_MS): Promise<number> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#listeners.delete(listener);
        this.#process.removeListener("exit", died);
      };
      const listener = (message: Received) => {
        if (!fits(message)) return;
        end();
        resolve(performance.now());
      };
      const fail = (why: string) => {
        end();
        reject(new Error(`${this.#engine.name}: ${why}${this.#log ? `; its log: ${this.#log.trim().slice(-300)}` : ""}`));
      };
      const died = () => fail(`it ended before ${what} came`);
      const timer = setTimeout(() => fail(`no ${what} within ${patience / 1000} s`), patience);
      this.#process.once("exit", died);
      this.#listeners.add(listener);
    });
  }

  async #send(type: string, content: object, id: string, channel: "shell" | "control" = "shell"): Promise<void> {
    const header = {
      msg_id: id,
      session: "bench",
      username: "bench",
      date: new Date().toISOString(),
      msg_type: type,
      version: "5.3",
    };
    const parts = [header, {}, {}, content].map((part) => Buffer.from(JSON.stringify(part)));
    const signature = createHmac("sha256", this.#key).update(Buffer.concat(parts)).digest("hex");
    const socket = channel === "shell" ? this.#shell : this.#control;
    await socket.send([Buffer.from("<IDS|MSG>"), Buffer.from(signature), ...parts]);
  }

  /** Sends a request on shell and waits for its reply and, by default, its idle status. */
  async request(type: string, content: object, { idle = true } = {}): Promise<Timed> {
    const id = randomUUID();
    const begin = performance.now();
    let reply: Received["content"] = {};
    const replied = this.#waitFor((m) => {
      if (m.channel !== "shell" || m.parent !== id) return false;
      reply = m.content;
      return true;
    }, `reply to ${type}`);
    let idleAt = 0;
    const isIdle = (m: Received) => m.parent === id && m.type === "status" && m.content.execution_state === "idle";
    const idled = idle ? this.#waitFor(isIdle, `idle after ${type}`) : replied;
    idled.then(
      (at) => {
        idleAt = at;
      },
      () => {},
    );
    await this.#send(type, content, id);
    const replyAt = await replied;
    await Promise.race([idled.catch(() => {}), sleep(IDLE_MS, undefined, { ref: false })]);
    if (idleAt === 0) this.idlesLost++;
    if (type === "kernel_info_request") this.startMs = replyAt - this.#begin;
    return { reply, ms: Math.max(replyAt, idleAt) - begin, replyMs: replyAt - begin };
  }

  /** Runs a cell, which must succeed. */
  async execute(code: string, options?: { idle?: boolean }): Promise<Timed> {
    const content = { code, silent: false, store_history: true, user_expressions: {}, allow_stdin: false, stop_on_error: true };
    const timed = await this.request("execute_request", content, options);
    if (timed.reply.status !== "ok")
      throw new Error(`${this.#engine.name}: a cell ended with ${JSON.stringify(timed.reply).slice(0, 300)}`);
    return timed;
  }

  /** ms since the process was started. */
  sinceStart(): number {
    return performance.now() - this.#begin;
  }

  /** Runs a cell that prints `lines` lines, and reads until all have arrived or no more come. */
  async flood(code: string, lines: number): Promise<Flood> {
    const id = randomUUID();
    const begin = performance.now();
    let [count, messages, last, heard, idle] = [0, 0, begin, begin, false];
    const listener = (m: Received) => {
      if (m.parent !== id) return;
      heard = performance.now();
      if (m.type === "status" && m.content.execution_state === "idle") idle = true;
      if (m.type !== "stream") return;
      messages++;
      last = heard;
      const text = String(m.content.text);
      for (let i = text.indexOf("\n"); i >= 0; i = text.indexOf("\n", i + 1)) count++;
    };
    this.#listeners.add(listener);
    const content = { code, silent: false, store_history: true, user_expressions: {}, allow_stdin: false, stop_on_error: true };
    await this.#send("execute_request", content, id);
    while (!(count >= lines && idle) && performance.now() - heard < SILENCE_MS) await sleep(2);
    this.#listeners.delete(listener);
    return { lines: count, ms: last - begin, messages, idle };
  }

  /** Resident memory of the kernel's process and all below it, MiB. Pages that processes share are counted in each. */
  residentMib(): number {
    const rows = execFileSync("ps", ["-A", "-o", "pid=,ppid=,rss="], { encoding: "utf8" })
      .trim()
      .split("\n")
      .map((line) => line.trim().split(/\s+/).map(Number) as [number, number, number]);
    const tree = new Set([this.#process.pid!]);
    for (let before = 0; before !== tree.size; ) {
      before = tree.size;
      for (const [pid, parent] of rows) if (tree.has(parent)) tree.add(pid);
    }
    return rows.reduce((sum, [pid, , kib]) => sum + (tree.has(pid) ? kib : 0), 0) / 1024;
  }

  /** An interrupted bench leaves no kernel behind. */
  readonly #kill = (): void => {
    this.#process.kill("SIGKILL");
  };

  /** Asks it to end, and kills it if it does not. */
  async close(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null && this.#process.pid !== undefined) {
      const gone = new Promise((done) => this.#process.once("exit", done));
      await Promise.race([this.#send("shutdown_request", { restart: false }, randomUUID(), "control"), sleep(500)]);
      await Promise.race([gone, sleep(2000)]);
      if (this.#process.exitCode === null && this.#process.signalCode === null) this.#process.kill("SIGKILL");
      await gone;
    }
    process.removeListener("exit", this.#kill);
    for (const socket of [this.#shell, this.#control, this.#iopub]) socket.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
