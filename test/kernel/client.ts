/**
 * A small Jupyter client for the tests: starts the real kernel process from `dist/` and speaks the protocol with it over ZeroMQ.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Dealer, Request, Subscriber } from "zeromq";

export interface Received {
  readonly channel: string;
  readonly type: string;
  readonly parent: string;
  readonly parentType: string;
  readonly metadata: Record<string, unknown>;
  // A message's content depends on its type; a test reads what it expects.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly content: any;
  readonly buffers: readonly Uint8Array[];
}

/** The answers to one request: its reply and what was published for it. */
export interface Answer {
  readonly reply: Received["content"];
  readonly published: readonly Received[];
  readonly stdout: string;
  readonly stderr: string;
  /** `text/plain` of the result. */
  readonly text: string | undefined;
  readonly ms: number;
}

/** Tests run from the root of the package. */
export const kernelMain = resolve("dist/kernel/server/main.js");

export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((done) => {
          const server = createServer().listen(0, "127.0.0.1", () => done(server));
        }),
    ),
  );
  const ports = servers.map((s) => (s.address() as { port: number }).port);
  await Promise.all(servers.map((s) => new Promise((done) => s.close(done))));
  return ports;
}

export class Client {
  readonly folder: string;
  readonly process: ChildProcess;
  readonly connection: Record<string, string | number>;
  readonly received: Received[] = [];
  log = "";
  readonly #key: string = randomUUID();
  readonly #session = randomUUID();
  /** One identity for both: the kernel prompts on stdin the client that sent the cell on shell. */
  readonly #shell = new Dealer({ linger: 0, routingId: this.#session });
  readonly #stdin = new Dealer({ linger: 0, routingId: this.#session });
  readonly #control = new Dealer({ linger: 0 });
  readonly #iopub = new Subscriber({ receiveHighWaterMark: 0, linger: 0 });
  readonly #listeners = new Set<(m: Received) => void>();

  /** @param data where the kernel keeps what outlives it (JUPYTER_DATA_DIR); gone with the folder unless it is given */
  static async start(folder?: string, data?: string): Promise<Client> {
    const client = new Client(await freePorts(5), folder ?? mkdtempSync(join(tmpdir(), "sparselab-test-")), data);
    await client.#open();
    return client;
  }

  private constructor([shell, control, stdin, iopub, hb]: number[], folder: string, data = join(folder, "data")) {
    this.folder = folder;
    this.connection = {
      transport: "tcp",
      ip: "127.0.0.1",
      key: this.#key,
      signature_scheme: "hmac-sha256",
      shell_port: shell!,
      control_port: control!,
      stdin_port: stdin!,
      iopub_port: iopub!,
      hb_port: hb!,
    };
    const file = join(folder, "connection.json");
    writeFileSync(file, JSON.stringify(this.connection));
    this.process = spawn(process.execPath, [kernelMain, file], {
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, JUPYTER_DATA_DIR: data },
    });
    this.process.stderr!.on("data", (chunk: Buffer) => {
      this.log += chunk.toString();
    });
  }

  async #open(): Promise<void> {
    const at = (name: string): string => `tcp://127.0.0.1:${this.connection[`${name}_port`]}`;
    this.#shell.connect(at("shell"));
    this.#control.connect(at("control"));
    this.#stdin.connect(at("stdin"));
    this.#iopub.connect(at("iopub"));
    this.#iopub.subscribe();
    const welcome = this.waitFor((m) => m.type === "iopub_welcome");
    for (const [name, socket] of [
      ["shell", this.#shell],
      ["control", this.#control],
      ["stdin", this.#stdin],
      ["iopub", this.#iopub],
    ] as const) {
      void this.#listen(name, socket);
    }
    await welcome;
  }

  async #listen(channel: string, socket: Dealer | Subscriber): Promise<void> {
    try {
      for await (const frames of socket) {
        const at = frames.findIndex((f) => f.toString() === "<IDS|MSG>");
        const [header, parent, metadata, content] = frames.slice(at + 2, at + 6).map((f) => JSON.parse(f.toString()));
        const expected = createHmac("sha256", this.#key)
          .update(Buffer.concat(frames.slice(at + 2, at + 6)))
          .digest("hex");
        if (expected !== frames[at + 1]!.toString()) throw new Error("the kernel signed wrongly");
        const message: Received = {
          channel,
          type: header.msg_type,
          parent: parent.msg_id ?? "",
          parentType: parent.msg_type ?? "",
          metadata,
          content,
          buffers: frames.slice(at + 6),
        };
        this.received.push(message);
        for (const listener of this.#listeners) listener(message);
      }
    } catch {
      // Closed.
    }
  }

  /** The next message that fits. */
  waitFor(fits: (m: Received) => boolean, timeout = 25_000): Promise<Received> {
    return new Promise((done, fail) => {
      const timer = setTimeout(() => {
        this.#listeners.delete(listener);
        fail(new Error(`no such message within ${timeout} ms; the kernel's log: ${this.log}`));
      }, timeout);
      const listener = (m: Received): void => {
        if (!fits(m)) return;
        clearTimeout(timer);
        this.#listeners.delete(listener);
        done(m);
      };
      this.#listeners.add(listener);
    });
  }

  frames(
    type: string,
    content: object,
    id: string = randomUUID(),
    key = this.#key,
    buffers: readonly Uint8Array[] = [],
  ): Buffer[] {
    const header = {
      msg_id: id,
      session: this.#session,
      username: "test",
      date: new Date().toISOString(),
      msg_type: type,
      version: "5.4",
    };
    const parts = [header, {}, {}, content].map((p) => Buffer.from(JSON.stringify(p)));
    const signature = createHmac("sha256", key).update(Buffer.concat(parts)).digest("hex");
    return [Buffer.from("<IDS|MSG>"), Buffer.from(signature), ...parts, ...buffers.map((b) => Buffer.from(b))];
  }

  async sendFrames(frames: Buffer[], channel: "shell" | "control" | "stdin" = "shell"): Promise<void> {
    await { shell: this.#shell, control: this.#control, stdin: this.#stdin }[channel].send(frames);
  }

  /** Types a line at a question of the kernel. */
  answer(value: string): Promise<void> {
    return this.sendFrames(this.frames("input_reply", { status: "ok", value }), "stdin");
  }

  /** Sends a request and gathers everything up to its reply and its idle status. */
  async request(type: string, content: object = {}, channel: "shell" | "control" = "shell", timeout?: number): Promise<Answer> {
    const id = randomUUID();
    const begin = performance.now();
    const published: Received[] = [];
    const gather = (m: Received): void => {
      if (m.parent === id && m.channel === "iopub") published.push(m);
    };
    this.#listeners.add(gather);
    const reply = this.waitFor((m) => m.parent === id && m.channel === channel, timeout);
    const idle = this.waitFor((m) => m.parent === id && m.type === "status" && m.content.execution_state === "idle", timeout);
    await this.sendFrames(this.frames(type, content, id), channel);
    try {
      const [{ content: answer }] = await Promise.all([reply, idle]);
      const stream = (name: string): string =>
        published
          .filter((m) => m.type === "stream" && m.content.name === name)
          .map((m) => m.content.text)
          .join("");
      const result = published.find((m) => m.type === "execute_result");
      return {
        reply: answer,
        published,
        stdout: stream("stdout"),
        stderr: stream("stderr"),
        text: result?.content.data["text/plain"],
        ms: performance.now() - begin,
      };
    } finally {
      this.#listeners.delete(gather);
    }
  }

  execute(code: string, more: object = {}, timeout?: number): Promise<Answer> {
    return this.request(
      "execute_request",
      { code, silent: false, store_history: true, stop_on_error: true, ...more },
      "shell",
      timeout,
    );
  }

  /** Sends a comm message as a page does, and gathers what is published for it until it was handled. */
  async comm(
    type: "comm_open" | "comm_msg" | "comm_close",
    content: object,
    buffers?: readonly Uint8Array[],
  ): Promise<readonly Received[]> {
    const id = randomUUID();
    const published: Received[] = [];
    const gather = (m: Received): void => {
      if (m.parent === id) published.push(m);
    };
    this.#listeners.add(gather);
    const idle = this.waitFor((m) => m.parent === id && m.type === "status" && m.content.execution_state === "idle");
    await this.sendFrames(this.frames(type, content, id, undefined, buffers));
    try {
      await idle;
      return published;
    } finally {
      this.#listeners.delete(gather);
    }
  }

  async heartbeat(): Promise<void> {
    const socket = new Request({ linger: 0, receiveTimeout: 5000 });
    socket.connect(`tcp://127.0.0.1:${this.connection.hb_port}`);
    await socket.send("ping");
    const [pong] = await socket.receive();
    socket.close();
    if (pong?.toString() !== "ping") throw new Error(`the heartbeat answered ${pong?.toString()}`);
  }

  async close(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const gone = new Promise((done) => this.process.once("exit", done));
      await this.sendFrames(this.frames("shutdown_request", { restart: false }), "control");
      const timer = setTimeout(() => this.process.kill("SIGKILL"), 3000);
      await gone;
      clearTimeout(timer);
    }
    for (const socket of [this.#shell, this.#control, this.#stdin, this.#iopub]) socket.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
