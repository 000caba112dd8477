/**
 * The language thread as the server sees it: calls that return promises. A thread that died, or is still busy some time after a stop, is
 * replaced: the cells whose names are still known are read again, so that the notebook goes on, and what waited is asked again.
 */
import { Worker } from "node:worker_threads";
import type { LanguageRequest, LanguageResponse } from "../language/thread.js";
import type { CheckReply, LanguageCalls } from "../messages.js";

/** Milliseconds that the thread has after a stop to answer what it was at. */
export const PATIENCE = 2000;

type Call = keyof LanguageCalls;

interface Waiting {
  readonly call: Call;
  readonly ask: LanguageCalls[Call]["ask"];
  readonly resolve: (reply: never) => void;
  readonly reject: (error: Error) => void;
  /** The cell that is only read again. */
  readonly again?: string;
}

/** A cell that was checked: its text, whether it failed, and the names that it came to nothing with. */
interface Checked {
  readonly code: string;
  readonly failed: boolean;
  readonly without: Set<string>;
}

export class LanguageClient {
  readonly #cwd: string;
  readonly #heapMb: number | undefined;
  #worker: Worker | undefined;
  #ready = false;
  /** In the order in which the thread takes them: the first is what it is at. */
  readonly #waiting = new Map<number, Waiting>();
  /** By label. */
  readonly #cells = new Map<string, Checked>();
  #last: string | undefined;
  #ids = 0;
  #closed = false;

  /** @param heapMb limit of the thread's memory; Node's own by default */
  constructor(cwd: string, heapMb?: number) {
    this.#cwd = cwd;
    this.#heapMb = heapMb;
  }

  /** Starts the thread before somebody asks. */
  warm(): void {
    this.#worker ??= this.#start();
  }

  ask<K extends Call>(call: K, ask: LanguageCalls[K]["ask"]): Promise<LanguageCalls[K]["reply"]> {
    return new Promise((resolve, reject) => {
      this.#worker ??= this.#start();
      this.#post({ call, ask, resolve: resolve as Waiting["resolve"], reject });
    });
  }

  /** The stop button. A thread that is busy, and so still when its time is over, is replaced. */
  stop(): void {
    const [busy] = this.#waiting.keys();
    const worker = this.#worker;
    if (busy === undefined || !worker || !this.#ready) return;
    const timer = setTimeout(() => {
      if (this.#worker !== worker || !this.#waiting.has(busy)) return;
      this.#lost(worker, new Error(`TypeScript was still busy ${PATIENCE / 1000} s after the stop, so it was started anew.`));
      void worker.terminate();
    }, PATIENCE);
    timer.unref();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
  }

  #post(waiting: Waiting): void {
    const id = ++this.#ids;
    this.#waiting.set(id, waiting);
    this.#worker!.postMessage({ id, call: waiting.call, ask: waiting.ask } satisfies LanguageRequest);
  }

  #start(): Worker {
    const worker = new Worker(new URL("../language/thread.js", import.meta.url), {
      workerData: { cwd: this.#cwd },
      // Programs live as long as a cell or longer: a large nursery would only be more memory.
      resourceLimits: { maxYoungGenerationSizeMb: 24, ...(this.#heapMb ? { maxOldGenerationSizeMb: this.#heapMb } : {}) },
    });
    this.#ready = false;
    worker.on("message", (response: LanguageResponse) => {
      if (this.#worker !== worker) return;
      if ("ready" in response) {
        this.#ready = true;
        return;
      }
      const waiting = this.#waiting.get(response.id);
      this.#waiting.delete(response.id);
      if (!waiting) return;
      if ("error" in response) {
        waiting.reject(new Error(response.error));
        return;
      }
      if (waiting.again === undefined) this.#remember(waiting, response.reply);
      waiting.resolve(response.reply as never);
    });
    let reason = "it ended";
    worker.on("error", (error: Error & { code?: string }) => {
      reason = error.code === "ERR_WORKER_OUT_OF_MEMORY" ? "it ran out of memory" : error.message;
    });
    worker.on("exit", () => {
      if (this.#worker !== worker) return;
      const started = this.#ready ? " It was started anew, and knows the names of earlier cells." : "";
      this.#lost(worker, new Error(`TypeScript's thread was lost at this: ${reason}.${started}`));
    });
    this.#worker = worker;
    for (const [label, { code, failed, without }] of this.#cells) {
      const nothing = { resolve: () => {}, reject: () => {}, again: label };
      this.#post({ call: "check", ask: { code, label }, ...nothing });
      // What it lacked may be there by now: it has not run all the same.
      if (failed) this.#post({ call: "undo", ask: { label }, ...nothing });
      if (without.size) this.#post({ call: "revert", ask: { names: [...without] }, ...nothing });
    }
    return worker;
  }

  /** What the thread was at is lost with it; the rest is asked again. */
  #lost(worker: Worker, reason: Error): void {
    if (this.#closed || this.#worker !== worker) return;
    this.#worker = undefined;
    const [first, ...rest] = this.#waiting.values();
    this.#waiting.clear();
    // A cell that cannot even be read again is not tried for ever.
    if (first?.again !== undefined) this.#cells.delete(first.again);
    first?.reject(reason);
    const again = rest.filter((w) => w.again === undefined);
    if (!again.length) return; // The next call starts another: one that cannot start must not be started for ever.
    this.#start();
    for (const waiting of again) this.#post(waiting);
  }

  #remember({ call, ask }: Waiting, reply: unknown): void {
    if (call === "check") {
      const { code, label } = ask as LanguageCalls["check"]["ask"];
      const checked = reply as CheckReply;
      this.#cells.delete(label); // In the order of the last checks.
      this.#cells.set(label, { code, failed: "failure" in checked, without: new Set() });
      for (const dropped of checked.dropped ?? []) this.#cells.delete(dropped);
      this.#last = label;
    } else if (call === "revert") {
      const { names } = ask as LanguageCalls["revert"]["ask"];
      for (const name of names) this.#cells.get(this.#last ?? "")?.without.add(name);
    } else if (call === "undo") {
      this.#cells.delete((ask as LanguageCalls["undo"]["ask"]).label);
    } else if (call === "reset") this.#cells.clear();
  }
}
