/**
 * The kernel: answers every request of the Jupyter protocol. It runs no user code and never waits in place; the language thread
 * checks cells, the engine runs them, and a queue keeps them in order.
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import type { MimeBundle } from "../../lab/display.js";
import { asksForHelp } from "../help.js";
import { dataFolder } from "../install.js";
import type { EngineEvent, Failure } from "../messages.js";
import { cut } from "../text.js";
import { Comms } from "./comms.js";
import type { Channel, Connection } from "./connection.js";
import { Engine } from "./engine.js";
import { History } from "./history.js";
import { HistoryFile } from "./history-file.js";
import { Language } from "./language.js";
import { Sockets } from "./sockets.js";
import { Stdin } from "./stdin.js";
import { Streams } from "./streams.js";
import { type Message, type Outgoing, PROTOCOL, Wire } from "./wire.js";

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

/** Cells whose late output still finds its way. */
const REMEMBERED_CELLS = 1000;

/** `exit` and `quit`, as they leave jupyter console. */
const EXIT = /^\s*(exit|quit)\s*(?:\(\s*\))?\s*;?\s*$/;
const EXITS =
  "exit and quit leave jupyter console. In a notebook they end nothing: shut the kernel down by the Kernel menu, or stop the cell.\n";

/** How a cell ended, for its reply. */
interface Ended {
  readonly failure?: Failure;
  readonly payload?: readonly object[];
  /** The value of an expression. */
  readonly data?: MimeBundle;
}

/** How a cell is run, as the engine is told. */
interface How {
  readonly silent: boolean;
  readonly expression?: boolean;
}

interface Request {
  readonly message: Message;
  readonly channel: Channel;
  count: number;
}

export class Kernel {
  readonly #wire: Wire;
  readonly #sockets: Sockets;
  readonly #language: Language;
  readonly #engine: Engine;
  readonly #history: History;
  readonly #streams = new Streams<Request | undefined>((name, text, parent) =>
    this.#publish("stream", { name, text }, parent?.message),
  );
  readonly #comms: Comms;
  readonly #stdin: Stdin;
  readonly #log: (text: string) => void;
  readonly #connection: Connection;
  readonly #cells = new Map<string, Request>();
  readonly #queue: Request[] = [];
  #running: Request | undefined;
  #last: Request | undefined;
  /** Resolves when the running cell shall stop. */
  #stop = Promise.resolve();
  #stopNow = (): void => {};
  #count = 0;
  #hidden = 0;
  #closing: Promise<void> | undefined;

  constructor(connection: Connection, cwd: string, log: (text: string) => void) {
    this.#connection = connection;
    this.#log = log;
    this.#wire = new Wire(connection.key);
    this.#history = new History(new HistoryFile(join(dataFolder(), "sparselab", "history.jsonl")), log);
    this.#sockets = new Sockets(connection, log);
    this.#language = new Language(cwd);
    this.#engine = new Engine(cwd, {
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
        this.#stdin.ask(question, this.#cells.get(question.key)?.message);
      },
      lost: () => this.#comms.lost(),
      died: (reason) => {
        void this.#language.ask("reset", null);
        this.#streams.write("stderr", `${reason}\n`, this.#last);
      },
    });
    this.#stdin = new Stdin({
      send: (id, content, cell) =>
        this.#send("stdin", { id, type: "input_request", content, parent: cell, identities: cell.identities }),
      answer: (request) => this.#engine.input(request),
    });
    this.#comms = new Comms({
      status: (execution_state, parent) => this.#publish("status", { execution_state }, parent),
      publish: (type, content, parent, metadata, buffers) => this.#publish(type, content, parent, metadata, buffers),
      toEngine: (request, buffers) => this.#engine.comm(request, buffers),
      cell: (key) => ((key !== undefined && this.#cells.get(key)) || this.#running || this.#last)?.message,
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
    // What takes long comes after the sockets: a front end that waits for kernel_info is answered meanwhile.
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
    if (this.#running) this.#stopNow();
    this.#engine.stop();
    this.#language.stop();
  }

  #send(channel: Channel, message: Outgoing): void {
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
      this.#queue.push({ message, channel, count: 0 });
      void this.#pump();
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

  /** The content of the reply; undefined where none is due. */
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

  async #pump(): Promise<void> {
    if (this.#running) return;
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      this.#running = this.#last = next;
      this.#stop = new Promise((done) => {
        this.#stopNow = done;
      });
      try {
        await this.#execute(next);
      } finally {
        this.#running = undefined;
      }
    }
  }

  async #execute(request: Request): Promise<void> {
    const { message, channel } = request;
    const { content } = message;
    const code = typeof content.code === "string" ? content.code : "";
    const silent = content.silent === true;
    const stored = !silent && content.store_history !== false;
    if (stored) this.#history.add(++this.#count, code);
    request.count = this.#count;
    this.#cells.set(message.header.msg_id, request);
    if (this.#cells.size > REMEMBERED_CELLS) this.#cells.delete(this.#cells.keys().next().value!);

    this.#publish("status", { execution_state: "busy" }, message);
    if (!silent) this.#publish("execute_input", { code, execution_count: request.count }, message);
    const label = stored ? `cell ${this.#count}` : `cell *${++this.#hidden}`;
    const { failure: whole, payload = [] } = await this.#run(request, code, label, { silent });
    const failure = whole && shortFailure(whole);
    const user_expressions = failure ? {} : await this.#expressions(request);
    this.#stdin.forget();
    this.#streams.flush();

    const common = { execution_count: request.count, user_expressions, payload };
    if (!failure) {
      this.#reply(channel, message, { status: "ok", ...common });
      this.#publish("status", { execution_state: "idle" }, message);
      return;
    }
    if (!silent) this.#publish("error", failure, message);
    // What was sent before the client could know of the error is not run; what it sends afterwards is.
    const doomed = content.stop_on_error === false ? [] : await this.#alreadyQueued();
    this.#reply(channel, message, { status: "error", ...failure, ...common });
    this.#publish("status", { execution_state: "idle" }, message);
    for (const { message: m, channel: c } of doomed) {
      this.#publish("status", { execution_state: "busy" }, m);
      this.#reply(c, m, { status: "aborted", execution_count: this.#count, user_expressions: {}, payload: [] });
      this.#publish("status", { execution_state: "idle" }, m);
    }
  }

  /** Requests that reached us, some of which the socket may not have handed over yet. */
  async #alreadyQueued(): Promise<Request[]> {
    await new Promise((done) => setTimeout(done, 5));
    return this.#queue.splice(0);
  }

  /** What the front end wants to know once the cell has run: each its value, or its own error. */
  async #expressions(request: Request): Promise<Record<string, object>> {
    const wanted = request.message.content.user_expressions;
    const answers: Record<string, object> = {};
    if (wanted === null || typeof wanted !== "object") return answers;
    for (const [name, code] of Object.entries(wanted)) {
      const how = { silent: false, expression: true };
      const { failure, data = {} } = await this.#run(request, String(code), `cell *${++this.#hidden}`, how);
      answers[name] = failure ? { status: "error", ...shortFailure(failure) } : { status: "ok", data, metadata: {} };
    }
    return answers;
  }

  #run(request: Request, code: string, label: string, how: How): Promise<Ended> {
    return this.#checkAndRun(request, code, label, how).catch((error: unknown): Ended => {
      const { ename, evalue, traceback } = errorContent(error);
      return { failure: { ename, evalue, traceback } };
    });
  }

  async #checkAndRun(request: Request, code: string, label: string, how: How): Promise<Ended> {
    if (!code.trim()) return {};
    const exits = how.expression ? null : EXIT.exec(code);
    if (exits && !(await this.#isKnown(exits[1]!))) {
      this.#streams.write("stderr", EXITS, request);
      return { payload: [{ source: "ask_exit", keepkernel: false }] };
    }
    const help = how.expression ? undefined : asksForHelp(code);
    if (help) return this.#page(help.name, help.detail);
    const check = this.#language.ask("check", { code, label });
    check.catch(() => {}); // Nobody may wait for it any more.
    const checked = await Promise.race([check, this.#stop.then(() => undefined)]);
    if (!checked) {
      this.#language.ask("undo", { label }).catch((error: unknown) => this.#log(String(error)));
      return { failure: stoppedBeforeRun };
    }
    if ("failure" in checked) return checked;
    const outcome = await this.#engine.run(checked.cell, request.message.header.msg_id, how);
    if (outcome.restarted) await this.#language.ask("reset", null);
    else if (outcome.unassigned?.length) await this.#language.ask("revert", { names: outcome.unassigned });
    return { failure: outcome.failure, data: outcome.data };
  }

  /** Whether a name is one of the notebook's. */
  async #isKnown(name: string): Promise<boolean> {
    return (await this.#language.ask("inspect", { code: name, cursor: name.length, detail: 0 })).found;
  }

  /** The documentation of a name, for the front end's pager. */
  async #page(name: string, detail: number): Promise<Ended> {
    const { found, data } = await this.#language.ask("inspect", { code: name, cursor: name.length, detail });
    if (found) return { payload: [{ source: "page", data, start: 0 }] };
    const evalue = `nothing is known of ${name}`;
    return { failure: { ename: "NoDocumentation", evalue, traceback: [evalue] } };
  }

  #output(event: Extract<EngineEvent, { event: "stream" | "output" }>): void {
    const request = (event.key !== undefined && this.#cells.get(event.key)) || this.#running || this.#last;
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
      this.#publish(type, { data, metadata, execution_count: request?.count ?? this.#count }, parent);
    else this.#publish(type, { data, metadata, transient: displayId === undefined ? {} : { display_id: displayId } }, parent);
  }
}

/** Characters of an error's message, and of a line of its traceback, wherever it comes from: a notebook keeps them. */
const MESSAGE = 10_000;

function shortFailure({ ename, evalue, traceback }: Failure): Failure {
  return {
    ename: cut(ename, 200),
    evalue: cut(evalue, 2 * MESSAGE),
    traceback: traceback.slice(0, 200).map((line) => cut(line, 2 * MESSAGE)),
  };
}

const stoppedBeforeRun: Failure = {
  ename: "Interrupted",
  evalue: "the cell was stopped before it ran",
  traceback: ["Interrupted: the cell was stopped before it ran"],
};

function errorContent(error: unknown): { status: "error" } & Failure {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  return { status: "error", ename: name, evalue: message, traceback: (stack ?? message).split("\n") };
}
