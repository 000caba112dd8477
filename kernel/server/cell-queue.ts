/**
 * Execute requests, run one at a time in the order in which they came: the language thread checks the cell, the engine runs it, the reply
 * goes out. After an error the requests that had already arrived are aborted (`stop_on_error`, as the protocol says).
 */
import type { MimeBundle } from "../../lab/display.js";
import { asksForHelp } from "../help.js";
import type { Failure } from "../messages.js";
import type { Channel } from "./connection.js";
import type { EngineClient } from "./engine-client.js";
import { errorContent, shortFailure, stoppedBeforeRun } from "./failures.js";
import type { History } from "./history.js";
import type { LanguageClient } from "./language-client.js";
import type { Stdin } from "./stdin.js";
import type { Streams } from "./streams.js";
import type { Message } from "./wire.js";

/** Finished cells that are remembered, so that output they print later is attributed to them. */
const REMEMBERED_CELLS = 1000;

/** `exit` and `quit` as a cell of their own: they leave jupyter console. */
const EXIT = /^\s*(exit|quit)\s*(?:\(\s*\))?\s*;?\s*$/;
const EXIT_HINT =
  "exit and quit leave jupyter console. In a notebook they end nothing: shut the kernel down by the Kernel menu, or stop the cell.\n";

export interface ExecuteRequest {
  readonly message: Message;
  readonly channel: Channel;
  /** The number in `In [3]`. */
  count: number;
}

/** How a cell ended, for its reply. */
interface CellResult {
  readonly failure?: Failure;
  readonly payload?: readonly object[];
  /** The value of an expression. */
  readonly data?: MimeBundle;
}

/** How the engine is to run a cell. */
interface RunOptions {
  readonly silent: boolean;
  readonly expression?: boolean;
}

export interface CellQueueOptions {
  readonly language: Pick<LanguageClient, "ask">;
  readonly engine: Pick<EngineClient, "run">;
  readonly stdin: Pick<Stdin, "forget">;
  readonly history: Pick<History, "add">;
  readonly streams: Pick<Streams<ExecuteRequest | undefined>, "write" | "flush">;
  publish(type: string, content: object, parent: Message): void;
  reply(channel: Channel, to: Message, content: object): void;
  /** Resolves when every request that has arrived by now was pushed. */
  arrived(): Promise<void>;
  log(text: string): void;
}

export class CellQueue {
  readonly #kernel: CellQueueOptions;
  /** By the request's msg_id. */
  readonly #cells = new Map<string, ExecuteRequest>();
  readonly #waiting: ExecuteRequest[] = [];
  #running: ExecuteRequest | undefined;
  #last: ExecuteRequest | undefined;
  /** Resolves when the running cell is to stop. */
  #stopped = Promise.resolve();
  #stop = (): void => {};
  /** Cells that were counted so far, and those that were not (`store_history: false`). */
  #count = 0;
  #uncounted = 0;

  constructor(kernel: CellQueueOptions) {
    this.#kernel = kernel;
  }

  push(message: Message, channel: Channel): void {
    this.#waiting.push({ message, channel, count: 0 });
    void this.#runAll();
  }

  /** Stops the running cell where it is still being checked; the engine stops one that runs. */
  stop(): void {
    if (this.#running) this.#stop();
  }

  /** The request with this msg_id. */
  find(key: string): ExecuteRequest | undefined {
    return this.#cells.get(key);
  }

  /** The request that output with this key belongs to: by default the running one, or the last that ran. */
  ownerOf(key: string | undefined): ExecuteRequest | undefined {
    return (key !== undefined && this.#cells.get(key)) || this.#running || this.#last;
  }

  /** The number of the last counted cell. */
  get count(): number {
    return this.#count;
  }

  async #runAll(): Promise<void> {
    if (this.#running) return;
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      this.#running = this.#last = next;
      this.#stopped = new Promise((resolve) => {
        this.#stop = resolve;
      });
      try {
        await this.#execute(next);
      } finally {
        this.#running = undefined;
      }
    }
  }

  async #execute(request: ExecuteRequest): Promise<void> {
    const { message, channel } = request;
    const { content } = message;
    const code = typeof content.code === "string" ? content.code : "";
    const silent = content.silent === true;

    // Count and remember the cell.
    const stored = !silent && content.store_history !== false;
    if (stored) this.#kernel.history.add(++this.#count, code);
    request.count = this.#count;
    this.#cells.set(message.header.msg_id, request);
    if (this.#cells.size > REMEMBERED_CELLS) this.#cells.delete(this.#cells.keys().next().value!);

    // Run it, and the front end's expressions after it.
    this.#kernel.publish("status", { execution_state: "busy" }, message);
    if (!silent) this.#kernel.publish("execute_input", { code, execution_count: request.count }, message);
    const label = stored ? `cell ${this.#count}` : `cell *${++this.#uncounted}`;
    const { failure: whole, payload = [] } = await this.#run(request, code, label, { silent });
    const failure = whole && shortFailure(whole);
    const user_expressions = failure ? {} : await this.#expressions(request);
    this.#kernel.stdin.forget();
    this.#kernel.streams.flush();

    // Reply. The client learns of an error from the reply: what arrived before it is aborted, what it sends afterwards runs.
    const common = { execution_count: request.count, user_expressions, payload };
    const aborted = failure && content.stop_on_error !== false ? await this.#takeArrived() : [];
    if (failure && !silent) this.#kernel.publish("error", failure, message);
    this.#kernel.reply(channel, message, failure ? { status: "error", ...failure, ...common } : { status: "ok", ...common });
    this.#kernel.publish("status", { execution_state: "idle" }, message);
    for (const one of aborted) this.#abort(one);
  }

  /** Empties the queue, after the sockets have handed over what they hold. */
  async #takeArrived(): Promise<ExecuteRequest[]> {
    await this.#kernel.arrived();
    return this.#waiting.splice(0);
  }

  #abort({ message, channel }: ExecuteRequest): void {
    this.#kernel.publish("status", { execution_state: "busy" }, message);
    const rest = { execution_count: this.#count, user_expressions: {}, payload: [] };
    this.#kernel.reply(channel, message, { status: "aborted", ...rest });
    this.#kernel.publish("status", { execution_state: "idle" }, message);
  }

  /** The front end's `user_expressions`: the value of each, or its own error. */
  async #expressions(request: ExecuteRequest): Promise<Record<string, object>> {
    const wanted = request.message.content.user_expressions;
    const answers: Record<string, object> = {};
    if (wanted === null || typeof wanted !== "object") return answers;
    for (const [name, code] of Object.entries(wanted)) {
      const options = { silent: false, expression: true };
      const { failure, data = {} } = await this.#run(request, String(code), `cell *${++this.#uncounted}`, options);
      answers[name] = failure ? { status: "error", ...shortFailure(failure) } : { status: "ok", data, metadata: {} };
    }
    return answers;
  }

  /** Runs code. An error of the kernel itself becomes the cell's. */
  #run(request: ExecuteRequest, code: string, label: string, options: RunOptions): Promise<CellResult> {
    return this.#checkAndRun(request, code, label, options).catch((error: unknown): CellResult => {
      const { ename, evalue, traceback } = errorContent(error);
      return { failure: { ename, evalue, traceback } };
    });
  }

  async #checkAndRun(request: ExecuteRequest, code: string, label: string, options: RunOptions): Promise<CellResult> {
    const { language, engine, streams, log } = this.#kernel;
    if (!code.trim()) return {};

    // Requests that are not TypeScript: `exit`, `name?`.
    const exit = options.expression ? null : EXIT.exec(code);
    if (exit && !(await this.#isKnown(exit[1]!))) {
      streams.write("stderr", EXIT_HINT, request);
      return { payload: [{ source: "ask_exit", keepkernel: false }] };
    }
    const help = options.expression ? undefined : asksForHelp(code);
    if (help) return this.#documentation(help.name, help.detail);

    // Check; a stop ends the wait for it.
    const check = language.ask("check", { code, label });
    check.catch(() => {}); // After a stop nothing awaits it.
    const checked = await Promise.race([check, this.#stopped.then(() => undefined)]);
    if (!checked) {
      language.ask("undo", { label }).catch((error: unknown) => log(String(error)));
      return { failure: stoppedBeforeRun };
    }
    if ("failure" in checked) return checked;

    // Run; variables that the cell did not reach keep their earlier type.
    const outcome = await engine.run(checked.cell, request.message.header.msg_id, options);
    if (outcome.restarted) await language.ask("reset", null);
    else if (outcome.unassigned?.length) await language.ask("revert", { names: outcome.unassigned });
    return { failure: outcome.failure, data: outcome.data };
  }

  /** Whether the notebook has a variable of this name. */
  async #isKnown(name: string): Promise<boolean> {
    return (await this.#kernel.language.ask("inspect", { code: name, cursor: name.length, detail: 0 })).found;
  }

  /** The documentation of a name, for the front end's pager. */
  async #documentation(name: string, detail: number): Promise<CellResult> {
    const { found, data } = await this.#kernel.language.ask("inspect", { code: name, cursor: name.length, detail });
    if (found) return { payload: [{ source: "page", data, start: 0 }] };
    const evalue = `no documentation for ${name}`;
    return { failure: { ename: "NoDocumentation", evalue, traceback: [evalue] } };
  }
}
