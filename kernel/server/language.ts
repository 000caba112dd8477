/** The language thread as the server sees it: calls that return promises. A thread that dies is started anew, and its callers hear of it. */
import { Worker } from "node:worker_threads";
import type { LanguageRequest, LanguageResponse } from "../language/thread.js";
import type { LanguageCalls } from "../messages.js";

interface Waiting {
  readonly resolve: (reply: never) => void;
  readonly reject: (error: Error) => void;
}

export class Language {
  readonly #cwd: string;
  #worker: Worker | undefined;
  readonly #waiting = new Map<number, Waiting>();
  #ids = 0;
  #closed = false;

  constructor(cwd: string) {
    this.#cwd = cwd;
  }

  /** Starts the thread before somebody asks. */
  warm(): void {
    this.#worker ??= this.#start();
  }

  ask<K extends keyof LanguageCalls>(call: K, ask: LanguageCalls[K]["ask"]): Promise<LanguageCalls[K]["reply"]> {
    return new Promise((resolve, reject) => {
      const id = ++this.#ids;
      this.#waiting.set(id, { resolve: resolve as Waiting["resolve"], reject });
      this.#worker ??= this.#start();
      this.#worker.postMessage({ id, call, ask } satisfies LanguageRequest);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(new URL("../language/thread.js", import.meta.url), {
      workerData: { cwd: this.#cwd },
      // Programs live as long as a cell or longer: a large nursery would only be more memory.
      resourceLimits: { maxYoungGenerationSizeMb: 24 },
    });
    worker.on("message", (response: LanguageResponse) => {
      const waiting = this.#waiting.get(response.id);
      this.#waiting.delete(response.id);
      if ("error" in response) waiting?.reject(new Error(response.error));
      else waiting?.resolve(response.reply as never);
    });
    let reason = new Error("the language thread ended");
    worker.on("error", (error: Error) => {
      reason = error;
    });
    worker.on("exit", () => {
      if (this.#closed) return;
      const lost = [...this.#waiting.values()];
      this.#waiting.clear();
      this.#worker = undefined; // The next call starts another: one that cannot start must not be started for ever.
      for (const { reject } of lost) reject(reason);
    });
    return worker;
  }
}
