/**
 * A client of the engine process: starts it, sends it cells, receives its events. The engine runs one cell at a time. Where it dies, the
 * cell ends with an error that says so, and a new engine is started.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import type { Readable, Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { fileURLToPath } from "node:url";
import type { MimeBundle } from "../../lab/display.js";
import type { CommOut } from "../comms/host.js";
import {
  type CommRequest,
  type CompiledCell,
  type EngineEvent,
  type EngineRequest,
  endMarker,
  type Failure,
  type InputRequest,
  QUIT,
  STOP,
} from "../messages.js";
import { encodeFrame, FrameReader } from "../pipe.js";
import { descendants, endAll, KERNEL_MARK } from "../processes.js";

/** Milliseconds after a stop request until the engine is killed. */
const STOP_PATIENCE = 2000;
/** Milliseconds to wait for the end-of-cell marks on the engine's stdout and stderr. */
const MARK_PATIENCE = 500;

/** Milliseconds that an engine's `exit` handlers have when the kernel ends. */
const QUIT_PATIENCE = 500;

/** Flags of Node that the engine needs (engine/async-hooks.ts, modules.ts, local.ts, own-realm.ts). A Node that lacks one doesn't need it. */
const FLAGS = ["--no-force-async-hooks-checks", "--experimental-import-meta-resolve", "--experimental-vm-modules"].filter((f) =>
  process.allowedNodeEnvironmentFlags.has(f),
);

/** How a cell ended. `restarted`: a new engine was started, so all variables are gone. */
export interface Outcome {
  readonly failure?: Failure;
  readonly unassigned?: readonly string[];
  readonly restarted?: boolean;
  /** The result of an expression. */
  readonly data?: MimeBundle;
}

export interface EngineListener {
  /** Outputs, in order. Where `key` is undefined, the cell is not known. */
  output(event: Extract<EngineEvent, { event: "stream" | "output" }>): void;
  comm(message: CommOut, buffers: readonly Uint8Array[]): void;
  /** A cell prompts for input. */
  input(question: Extract<EngineEvent, { event: "input" }>): void;
  /** The engine has handled a comm message of the front end. */
  commDone(id: string): void;
  /** The engine died, whether a cell was running or not. */
  lost(): void;
  /** The engine died while no cell was running. */
  died(reason: string): void;
}

interface Current {
  readonly key: string;
  readonly done: (outcome: Outcome) => void;
  stopTimer: NodeJS.Timeout | undefined;
  /** It did not stop in time, and the engine was killed. */
  gaveUp: boolean;
}

export class EngineClient {
  readonly #cwd: string;
  readonly #listener: EngineListener;
  #child: ChildProcess | undefined;
  #current: Current | undefined;
  #closed = false;
  /** Set in the environment of every process that this kernel's engines start. */
  readonly #mark = randomUUID();
  #marks: Array<{ key: string; seen: () => void }> = [];

  constructor(cwd: string, listener: EngineListener) {
    this.#cwd = cwd;
    this.#listener = listener;
  }

  /** Starts the engine ahead of the first cell. */
  warm(): void {
    this.#child ??= this.#start();
  }

  run(cell: CompiledCell, key: string, how: { readonly silent: boolean; readonly expression?: boolean }): Promise<Outcome> {
    return new Promise((done) => {
      this.#current = { key, done, stopTimer: undefined, gaveUp: false };
      const request: EngineRequest = { op: "run", cell, key, ...how };
      this.#child ??= this.#start();
      (this.#child.stdio[3] as Writable).write(encodeFrame(request));
    });
  }

  /** Sends a comm message of the front end; false where no engine runs. */
  comm(request: CommRequest, buffers: readonly Uint8Array[]): boolean {
    if (!this.#child) return false;
    (this.#child.stdio[3] as Writable).write(encodeFrame(request satisfies EngineRequest, buffers));
    return true;
  }

  input(request: InputRequest): void {
    if (this.#child) (this.#child.stdio[3] as Writable).write(encodeFrame(request));
  }

  /** Stops the running cell and the handlers of widgets. Kills the engine where the cell does not stop in time. */
  stop(): void {
    const current = this.#current;
    if (!this.#child) return;
    ((this.#child.stdio as readonly unknown[])[5] as Writable).write(STOP);
    if (!current) return;
    current.stopTimer ??= setTimeout(() => {
      current.gaveUp = true;
      this.#kill();
    }, STOP_PATIENCE);
  }

  /** Ends the engine, whose `exit` handlers run, and all that its cells have started. Resolves when the engine is gone. */
  async close(): Promise<void> {
    this.#closed = true;
    const child = this.#child;
    const started = child?.pid === undefined ? [] : descendants(child.pid);
    if (child && child.exitCode === null && child.signalCode === null) {
      // "close" means that all output of `exit` handlers has arrived. It may not come: a child of the engine may hold the pipes open.
      const gone = new Promise<void>((done) => child.once("close", () => done()));
      ((child.stdio as readonly unknown[])[5] as Writable).write(QUIT);
      await Promise.race([gone, new Promise((done) => setTimeout(done, QUIT_PATIENCE))]);
    }
    this.#kill();
    endAll(this.#mark, started);
  }

  /** Kills the engine's process group, which most processes started by its cells belong to. */
  #kill(): void {
    if (this.#child?.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, "SIGKILL");
    } catch {
      this.#child.kill("SIGKILL");
    }
  }

  #start(): ChildProcess {
    const main = fileURLToPath(new URL("../engine/main.js", import.meta.url));
    const child = spawn(process.execPath, [...FLAGS, main], {
      cwd: this.#cwd,
      stdio: ["ignore", "pipe", "pipe", "pipe", "pipe", "pipe"],
      detached: true,
      env: { ...process.env, [KERNEL_MARK]: this.#mark },
    });
    // Errors of a pipe are ignored: they mean that the process is exiting, which is handled below.
    for (const stream of child.stdio) stream?.on("error", () => {});

    let ready = false;
    const reader = new FrameReader<EngineEvent>();
    (child.stdio[4] as Readable).on("data", (chunk: Buffer) => {
      for (const { message, buffers } of reader.push(chunk)) {
        if (message.event === "ready") ready = true;
        else this.#receive(message, buffers);
      }
    });
    this.#native(child.stdout!, "stdout");
    this.#native(child.stderr!, "stderr");

    let spawnFailure: string | undefined;
    child.on("error", (error) => {
      spawnFailure = error.message;
    });
    let over = false;
    const gone = (code: number | null, signal: string | null): void => {
      if (over) return;
      over = true;
      if (!this.#closed) this.#gone(spawnFailure ?? (signal ? `by signal ${signal}` : `with exit code ${code}`), ready);
    };
    child.on("close", gone);
    // "close" may not come, since a grandchild may hold the pipes open. By then all output has arrived.
    child.on("exit", (code, signal) => setTimeout(gone, MARK_PATIENCE, code, signal));
    return child;
  }

  #receive(event: Exclude<EngineEvent, { event: "ready" }>, buffers: readonly Uint8Array[]): void {
    if (event.event === "comm") this.#listener.comm(event, buffers);
    else if (event.event === "commDone") this.#listener.commDone(event.id);
    else if (event.event === "done") this.#done(event);
    else if (event.event === "input") this.#listener.input(event);
    else this.#listener.output(event);
  }

  #done(event: Extract<EngineEvent, { event: "done" }>): void {
    const current = this.#current;
    if (current?.key !== event.key) return;
    clearTimeout(current.stopTimer);
    void this.#nativeArrived(event.key).then(() => {
      if (this.#current !== current) return;
      this.#current = undefined;
      current.done({ failure: event.failure, unassigned: event.unassigned, data: event.data });
    });
  }

  #gone(how: string, wasReady: boolean): void {
    const current = this.#current;
    this.#current = undefined;
    clearTimeout(current?.stopTimer);
    this.#marks = [];
    this.#listener.lost();
    // An engine that could not even start is tried again with the next cell only.
    this.#child = wasReady ? this.#start() : undefined;
    const lost = "Its variables are lost; a new engine is ready: run the cells again that define them.";
    if (!current) {
      this.#listener.died(`The engine that runs the cells ended ${how}. ${lost}`);
      return;
    }
    const evalue = current.gaveUp
      ? `The cell did not stop within ${STOP_PATIENCE / 1000} s, so the engine that ran it was ended. ${lost}`
      : `The engine that ran this cell ended ${how}. ${lost}`;
    const ename = current.gaveUp ? "Interrupted" : "EngineEnded";
    current.done({ failure: { ename, evalue, traceback: [`${ename}: ${evalue}`] }, restarted: true });
  }

  /** Passes on what native code and child processes write, without the engine's end-of-cell marks. */
  #native(stream: Readable, name: "stdout" | "stderr"): void {
    const decoder = new StringDecoder("utf8");
    let held = "";
    stream.on("data", (chunk: Buffer) => {
      held += decoder.write(chunk);
      for (;;) {
        const begin = held.indexOf("\u0000\u0001cell-end ");
        const stop = begin < 0 ? -1 : held.indexOf("\u0001\u0000", begin + 2);
        if (stop < 0) {
          // Hold back what may be the beginning of a mark.
          const keep = begin >= 0 ? begin : held.endsWith("\u0000") ? held.length - 1 : held.length;
          this.#print(name, held.slice(0, keep));
          held = held.slice(keep);
          return;
        }
        this.#print(name, held.slice(0, begin));
        const mark = held.slice(begin, stop + 2);
        held = held.slice(stop + 2);
        this.#marks.find((m) => endMarker(m.key) === mark)?.seen();
        this.#early.add(`${name} ${mark}`);
      }
    });
    stream.on("end", () => this.#print(name, held + decoder.end()));
  }

  /** Marks that came before their `done` event. */
  readonly #early = new Set<string>();

  #print(name: "stdout" | "stderr", text: string): void {
    if (text) this.#listener.output({ event: "stream", key: this.#current?.key, name, text });
  }

  /** Resolves when the marks of this cell have arrived on both streams, or after some time. */
  #nativeArrived(key: string): Promise<void> {
    const mark = endMarker(key);
    const both = (): boolean => this.#early.has(`stdout ${mark}`) && this.#early.has(`stderr ${mark}`);
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#marks = this.#marks.filter((m) => m !== waiting);
        this.#early.clear();
        resolve();
      };
      const waiting = { key, seen: () => setImmediate(() => both() && finish()) };
      const timer = setTimeout(finish, MARK_PATIENCE);
      this.#marks.push(waiting);
      if (both()) finish();
    });
  }
}
