/**
 * A client of the language thread: calls that return promises. A thread that died, or is still busy some time after a stop, is replaced. The
 * new one reads the live cells again, and pending calls are repeated.
 */
import { Worker } from "node:worker_threads";
import type { LanguageRequest, LanguageResponse } from "../language/thread.js";
import type { CheckReply, LanguageCalls } from "../messages.js";

/** Milliseconds that the thread has after a stop to finish its call. */
export const PATIENCE = 2000;

type Call = keyof LanguageCalls;

interface Waiting {
  readonly call: Call;
  readonly ask: LanguageCalls[Call]["ask"];
  readonly resolve: (reply: never) => void;
  readonly reject: (error: Error) => void;
  /** The label of a cell that a new thread only reads again: nobody awaits the reply. */
  readonly replayed?: string;
}

/** A cell that was checked, as a new thread needs it. */
interface CheckedCell {
  readonly code: string;
  /** It failed its check. */
  readonly failed: boolean;
  /** Names that were reverted, since the cell failed before it assigned them. */
  readonly reverted: Set<string>;
}

export class LanguageClient {
  readonly #cwd: string;
  readonly #heapMb: number | undefined;
  #worker: Worker | undefined;
  #ready = false;
  /** Pending calls by id, in order: the thread works on the first. */
  readonly #waiting = new Map<number, Waiting>();
  /** By label. */
  readonly #cells = new Map<string, CheckedCell>();
  #last: string | undefined;
  #ids = 0;
  #closed = false;

  /** @param heapMb limit of the thread's heap in MB; default: Node's own */
  constructor(cwd: string, heapMb?: number) {
    this.#cwd = cwd;
    this.#heapMb = heapMb;
  }

  /** Starts the thread ahead of the first call. */
  warm(): void {
    this.#worker ??= this.#start();
  }

  ask<K extends Call>(call: K, ask: LanguageCalls[K]["ask"]): Promise<LanguageCalls[K]["reply"]> {
    return new Promise((resolve, reject) => {
      this.#worker ??= this.#start();
      this.#post({ call, ask, resolve: resolve as Waiting["resolve"], reject });
    });
  }

  /** The stop button. A thread that is still at the same call after some time is replaced. */
  stop(): void {
    const [busy] = this.#waiting.keys();
    const worker = this.#worker;
    if (busy === undefined || !worker || !this.#ready) return;
    const timer = setTimeout(() => {
      if (this.#worker !== worker || !this.#waiting.has(busy)) return;
      this.#lost(worker, new Error(`TypeScript was still busy ${PATIENCE / 1000} s after the stop, so it was restarted.`));
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
      // Most objects belong to TypeScript's program and live long: a larger young generation would only take memory.
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
      if (waiting.replayed === undefined) this.#remember(waiting, response.reply);
      waiting.resolve(response.reply as never);
    });
    let reason = "it ended";
    worker.on("error", (error: Error & { code?: string }) => {
      reason = error.code === "ERR_WORKER_OUT_OF_MEMORY" ? "it ran out of memory" : error.message;
    });
    worker.on("exit", () => {
      if (this.#worker !== worker) return;
      const restarted = this.#ready ? " It was restarted, and knows the names of earlier cells." : "";
      this.#lost(worker, new Error(`TypeScript's thread died during this call: ${reason}.${restarted}`));
    });
    this.#worker = worker;
    for (const [label, { code, failed, reverted }] of this.#cells) {
      const replay = { resolve: () => {}, reject: () => {}, replayed: label };
      this.#post({ call: "check", ask: { code, label }, ...replay });
      // It may pass its check by now, but it has never run.
      if (failed) this.#post({ call: "undo", ask: { label }, ...replay });
      if (reverted.size) this.#post({ call: "revert", ask: { names: [...reverted] }, ...replay });
    }
    return worker;
  }

  /** The thread's current call fails; the other pending ones are repeated. */
  #lost(worker: Worker, reason: Error): void {
    if (this.#closed || this.#worker !== worker) return;
    this.#worker = undefined;
    const [first, ...rest] = this.#waiting.values();
    this.#waiting.clear();
    // A cell that kills the thread when it is read again is given up.
    if (first?.replayed !== undefined) this.#cells.delete(first.replayed);
    first?.reject(reason);
    const repeated = rest.filter((w) => w.replayed === undefined);
    if (!repeated.length) return; // The next call starts a thread: one that cannot start is not tried in a loop.
    this.#start();
    for (const waiting of repeated) this.#post(waiting);
  }

  #remember({ call, ask }: Waiting, reply: unknown): void {
    if (call === "check") {
      const { code, label } = ask as LanguageCalls["check"]["ask"];
      const checked = reply as CheckReply;
      this.#cells.delete(label); // Moves it to the end: cells are in the order of their last checks.
      this.#cells.set(label, { code, failed: "failure" in checked, reverted: new Set() });
      for (const dropped of checked.dropped ?? []) this.#cells.delete(dropped);
      this.#last = label;
    } else if (call === "revert") {
      const { names } = ask as LanguageCalls["revert"]["ask"];
      for (const name of names) this.#cells.get(this.#last ?? "")?.reverted.add(name);
    } else if (call === "undo") {
      this.#cells.delete((ask as LanguageCalls["undo"]["ask"]).label);
    } else if (call === "reset") this.#cells.clear();
  }
}
