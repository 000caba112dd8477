/**
 * The kernel: answers every request of the Jupyter protocol. It runs no user code and never blocks: the language thread checks cells, the
 * engine runs them, a queue keeps them in order.
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import { dataFolder } from "../install.js";
import type { EngineEvent } from "../messages.js";
import { CellQueue, type ExecuteRequest } from "./cell-queue.js";
import { CommRouter } from "./comm-router.js";
import type { Channel, Connection } from "./connection.js";
import { EngineClient } from "./engine-client.js";
import { errorContent } from "./failures.js";
import { History } from "./history.js";
import { HistoryFile } from "./history-file.js";
import { LanguageClient } from "./language-client.js";
import { Sockets } from "./sockets.js";
import { Stdin } from "./stdin.js";
import { Streams } from "./streams.js";
import { type Message, type OutgoingMessage, PROTOCOL, Wire } from "./wire.js";

const require = createRequire(import.meta.url);
const versionOf = (name: string): string => (require(name) as { version: string }).version;
const VERSION = versionOf("../../../package.json");
const TYPESCRIPT = versionOf("typescript/package.json");

const KERNEL_INFO = {
  status: "ok",
  protocol_version: PROTOCOL,
  implementation: "sparselab",
  implementation_version: VERSION,
  language_info: {
    name: "typescript",
    version: TYPESCRIPT,
    mimetype: "text/typescript",
    file_extension: ".ts",
    pygments_lexer: "typescript",
    codemirror_mode: "typescript",
    nbconvert_exporter: "script",
  },
  banner: `sparselab ${VERSION}: TypeScript ${TYPESCRIPT} on Node ${process.versions.node}`,
  debugger: false,
  supported_features: [],
  help_links: [{ text: "TypeScript", url: "https://www.typescriptlang.org/docs/" }],
};

export class Kernel {
  readonly #wire: Wire;
  readonly #sockets: Sockets;
  readonly #language: LanguageClient;
  readonly #engine: EngineClient;
  readonly #history: History;
  readonly #streams = new Streams<ExecuteRequest | undefined>((name, text, parent) =>
    this.#publish("stream", { name, text }, parent?.message),
  );
  readonly #comms: CommRouter;
  readonly #stdin: Stdin;
  readonly #cells: CellQueue;
  readonly #log: (text: string) => void;
  readonly #connection: Connection;
  #closing: Promise<void> | undefined;

  constructor(connection: Connection, cwd: string, log: (text: string) => void) {
    this.#connection = connection;
    this.#log = log;
    this.#wire = new Wire(connection.key);
    this.#history = new History(new HistoryFile(join(dataFolder(), "sparselab", "history.jsonl")), log);
    this.#sockets = new Sockets(connection, log);
    this.#language = new LanguageClient(cwd);
    this.#engine = new EngineClient(cwd, {
      output: (event) => this.#output(event),
      comm: (message, buffers) => {
        this.#streams.flush();
        this.#comms.publish(message, buffers);
      },
      commDone: (id) => {
        this.#streams.flush();
        this.#comms.done(id);
      },
      input: (question) => {
        this.#streams.flush();
        this.#stdin.ask(question, this.#cells.find(question.key)?.message);
      },
      lost: () => this.#comms.lost(),
      died: (reason) => {
        void this.#language.ask("reset", null);
        this.#streams.write("stderr", `${reason}\n`, this.#cells.ownerOf(undefined));
      },
    });
    this.#stdin = new Stdin({
      send: (id, content, cell) =>
        this.#send("stdin", { id, type: "input_request", content, parent: cell, identities: cell.identities }),
      answer: (request) => this.#engine.input(request),
    });
    this.#comms = new CommRouter({
      status: (execution_state, parent) => this.#publish("status", { execution_state }, parent),
      publish: (type, content, parent, metadata, buffers) => this.#publish(type, content, parent, metadata, buffers),
      toEngine: (request, buffers) => this.#engine.comm(request, buffers),
      cell: (key) => this.#cells.ownerOf(key)?.message,
    });
    this.#cells = new CellQueue({
      language: this.#language,
      engine: this.#engine,
      stdin: this.#stdin,
      history: this.#history,
      streams: this.#streams,
      publish: (type, content, parent) => this.#publish(type, content, parent),
      reply: (channel, to, content) => this.#reply(channel, to, content),
      arrived: () => this.#sockets.arrived("shell"),
      log,
    });
  }

  async open(): Promise<void> {
    const on = (channel: "shell" | "control" | "stdin") => (frames: Buffer[]) => {
      const message = this.#wire.decode(frames);
      if (typeof message === "string") this.#log(`${channel}: a message was ignored: ${message}`);
      else this.#receive(channel, message);
    };
    await this.#sockets.open({ shell: on("shell"), control: on("control"), stdin: on("stdin") }, (topic) => {
      this.#send("iopub", {
        type: "iopub_welcome",
        content: { subscription: topic.toString("utf8") },
        identities: topic.length ? [topic] : [],
      });
    });
    this.#publish("status", { execution_state: "starting" }, undefined);
    // These start slowly: the sockets come first, so that kernel_info is answered meanwhile.
    this.#language.warm();
    this.#engine.warm();
  }

  /** Ends everything; resolves when the last message has left. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      // What the engine prints while it ends is still sent.
      await Promise.all([this.#engine.close(), this.#language.close()]);
      this.#streams.flush();
      await this.#sockets.close();
    })();
    return this.#closing;
  }

  /** The stop button, or Ctrl-C. */
  interrupt(): void {
    this.#cells.stop();
    this.#engine.stop();
    this.#language.stop();
  }

  #send(channel: Channel, message: OutgoingMessage): void {
    this.#sockets.send(channel, this.#wire.encode(message));
  }

  #publish(type: string, content: object, parent: Message | undefined, metadata?: object, buffers?: readonly Uint8Array[]): void {
    this.#send("iopub", { type, content, parent, metadata, buffers });
  }

  #reply(channel: Channel, to: Message, content: object): void {
    this.#send(channel, {
      type: to.header.msg_type.replace(/_request$/, "_reply"),
      content,
      parent: to,
      identities: to.identities,
    });
  }

  #receive(channel: "shell" | "control" | "stdin", message: Message): void {
    if (channel === "stdin") {
      this.#stdin.reply(message);
      return;
    }
    if (message.header.msg_type === "execute_request") {
      this.#cells.push(message, channel);
      return;
    }
    if (this.#comms.receive(message)) return;
    this.#publish("status", { execution_state: "busy" }, message);
    void this.#answer(message)
      .catch((error: unknown) => errorContent(error))
      .then((content) => {
        if (content) this.#reply(channel, message, content);
        this.#publish("status", { execution_state: "idle" }, message);
        if (message.header.msg_type === "shutdown_request") void this.close().then(() => process.exit(0));
      });
  }

  /** The content of the reply; undefined for a message of an unknown type, which has none. */
  async #answer(message: Message): Promise<object | undefined> {
    const { header, content } = message;
    const code = typeof content.code === "string" ? content.code : "";
    const cursor = typeof content.cursor_pos === "number" ? content.cursor_pos : code.length;
    switch (header.msg_type) {
      case "kernel_info_request":
        return KERNEL_INFO;
      case "connect_request": {
        const { ports } = this.#connection;
        return { status: "ok", ...Object.fromEntries(Object.entries(ports).map(([c, port]) => [`${c}_port`, port])) };
      }
      case "complete_request":
        return this.#language.ask("complete", { code, cursor });
      case "inspect_request":
        return this.#language.ask("inspect", { code, cursor, detail: Number(content.detail_level ?? 0) });
      case "is_complete_request":
        return this.#language.ask("isComplete", { code });
      case "history_request":
        return {
          status: "ok",
          history: this.#history.find(content).map(([s, n, input]) => [s, n, content.output ? [input, null] : input]),
        };
      case "comm_info_request":
        return this.#comms.info(content.target_name);
      case "interrupt_request":
        this.interrupt();
        return { status: "ok" };
      case "shutdown_request": {
        const reply = { status: "ok", restart: content.restart === true };
        this.#publish("shutdown_reply", reply, message);
        return reply;
      }
      default:
        this.#log(`unknown message type ${header.msg_type}`);
        return undefined;
    }
  }

  #output(event: Extract<EngineEvent, { event: "stream" | "output" }>): void {
    const request = this.#cells.ownerOf(event.key);
    if (request?.message.content.silent === true) return;
    if (event.event === "stream") {
      this.#streams.write(event.name, event.text, request);
      return;
    }
    this.#streams.flush();
    const parent = request?.message;
    const { type, data = {}, metadata = {}, displayId, wait = false } = event;
    if (type === "clear_output") this.#publish(type, { wait }, parent);
    else if (type === "execute_result")
      this.#publish(type, { data, metadata, execution_count: request?.count ?? this.#cells.count }, parent);
    else this.#publish(type, { data, metadata, transient: displayId === undefined ? {} : { display_id: displayId } }, parent);
  }
}
