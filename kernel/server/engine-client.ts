/**
 * The engine process as the server sees it: it runs one cell at a time, and may die of it. Then the cell ends with an error that
 * says so, and a new engine stands ready.
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

/** Milliseconds after a stop request until the engine itself is ended. */
const STOP_PATIENCE = 2000;
/** Milliseconds to wait for native output that the engine's end-of-cell mark announces. */
const MARK_PATIENCE = 500;

/** Milliseconds that an engine's handlers of `exit` have when the kernel ends. */
const QUIT_PATIENCE = 500;

/** What the engine needs of Node (engine/async-hooks.ts, modules.ts, local.ts, own-realm.ts); a later Node that has dropped a flag has no need of it. */
const FLAGS = ["--no-force-async-hooks-checks", "--experimental-import-meta-resolve", "--experimental-vm-modules"].filter((f) =>
  process.allowedNodeEnvironmentFlags.has(f),
);

/** How a cell ended. `restarted`: the engine, and every variable, is new. */
export interface Outcome {
  readonly failure?: Failure;
  readonly unassigned?: readonly string[];
  readonly restarted?: boolean;
  /** The result of an expression. */
  readonly data?: MimeBundle;
}

export interface EngineListener {
  /** Outputs, in order. `key` undefined: output that no cell could be found for. */
  output(event: Extract<EngineEvent, { event: "stream" | "output" }>): void;
  comm(message: CommOut, buffers: readonly Uint8Array[]): void;
  /** A cell asks for input. */
  input(question: Extract<EngineEvent, { event: "input" }>): void;
  /** The engine dealt with a comm message of the front end. */
  commDone(id: string): void;
  /** The engine died, in a cell or not: everything in it is gone. */
  lost(): void;
  /** The engine died while no cell ran. */
  died(reason: string): void;
}

interface Current {
  readonly key: string;
  readonly done: (outcome: Outcome) => void;
  stopTimer: NodeJS.Timeout | undefined;
  gaveUp: boolean;
}

export class EngineClient {
  readonly #cwd: string;
  readonly #listener: EngineListener;
  #child: ChildProcess | undefined;
  #current: Current | undefined;
  #closed = false;
  /** Stands in the environment of all that this kernel's engines start. */
  readonly #mark = randomUUID();
  #marks: Array<{ key: string; seen: () => void }> = [];

  constructor(cwd: string, listener: EngineListener) {
    this.#cwd = cwd;
    this.#listener = listener;
  }

  /** Starts an engine before the first cell needs one. */
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

  /** Hands over a comm message of the front end; false where no engine could be started. */
  comm(request: CommRequest, buffers: readonly Uint8Array[]): boolean {
    if (!this.#child) return false;
    (this.#child.stdio[3] as Writable).write(encodeFrame(request satisfies EngineRequest, buffers));
    return true;
  }

  input(request: InputRequest): void {
    if (this.#child) (this.#child.stdio[3] as Writable).write(encodeFrame(request));
  }

  /** Stops the running cell and the handlers of widgets; where nothing stops the cell, ends the engine. */
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

  /** Ends the engine, which may run its handlers of `exit`, and what its cells have started; resolves when it is gone. */
  async close(): Promise<void> {
    this.#closed = true;
    const child = this.#child;
    const started = child?.pid === undefined ? [] : descendants(child.pid);
    if (child && child.exitCode === null && child.signalCode === null) {
      // What a handler of `exit` prints has arrived when the pipes are closed, which a child of the engine may hold open.
      const gone = new Promise<void>((done) => child.once("close", () => done()));
      ((child.stdio as readonly unknown[])[5] as Writable).write(QUIT);
      await Promise.race([gone, new Promise((done) => setTimeout(done, QUIT_PATIENCE))]);
    }
    this.#kill();
    endAll(this.#mark, started);
  }

  /** The engine leads a process group: what its cells started ends with it. */
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
    // A pipe to a process that is just dying: its exit says all there is to say.
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
    // A grandchild may hold the pipes open: what is in them has arrived by then.
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
    // One that cannot even start is tried again with the next cell, not for ever.
    this.#child = wasReady ? this.#start() : undefined;
    const lost = "Its variables are lost; a new engine is ready: run the cells that make them again.";
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

  /** What native code and child processes write, without the engine's marks. */
  #native(stream: Readable, name: "stdout" | "stderr"): void {
    const decoder = new StringDecoder("utf8");
    let held = "";
    stream.on("data", (chunk: Buffer) => {
      held += decoder.write(chunk);
      for (;;) {
        const begin = held.indexOf("\u0000\u0001cell-end ");
        const stop = begin < 0 ? -1 : held.indexOf("\u0001\u0000", begin + 2);
        if (stop < 0) {
          // Keep back what may be the beginning of a mark.
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

  /** Marks that came before their `done`. */
  readonly #early = new Set<string>();

  #print(name: "stdout" | "stderr", text: string): void {
    if (text) this.#listener.output({ event: "stream", key: this.#current?.key, name, text });
  }

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
