/**
 * `console` and the process's standard streams for a notebook. stdout and stderr print below the cell, and `end()` does not close them: a
 * pipeline into `process.stdout` must not keep later cells from printing. Reading stdin is an error, since nothing is ever typed there.
 */
import { Console } from "node:console";
import { Readable, Writable } from "node:stream";
import { cells } from "./cell-realm.js";
import { withBuiltIns } from "./intrinsics.js";
import { print, type StreamName } from "./output.js";
import { pin } from "./pin.js";
import { shortenLarge } from "./readable.js";

const decodeText = Buffer.from.bind(Buffer) as (text: string, encoding: BufferEncoding) => Uint8Array;
const isEncoding = Buffer.isEncoding.bind(Buffer);
const later = process.nextTick.bind(process);

function printChunk(name: StreamName, chunk: unknown, encoding: unknown): void {
  if (typeof chunk === "string") {
    const plain = typeof encoding !== "string" || /^utf-?8$/i.test(encoding) || encoding === "buffer";
    if (!plain && !isEncoding(encoding)) throw typeError("ERR_UNKNOWN_ENCODING", `Unknown encoding: ${encoding}`);
    print(name, plain ? chunk : decodeText(chunk, encoding as BufferEncoding));
  } else if (ArrayBuffer.isView(chunk)) print(name, new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  else {
    const wanted = 'The "chunk" argument must be of type string or an instance of Buffer, TypedArray, or DataView.';
    throw typeError("ERR_INVALID_ARG_TYPE", `${wanted} Received ${chunk === null ? "null" : `type ${typeof chunk}`}`);
  }
}

const typeError = (code: string, message: string): Error => Object.assign(new cells.TypeError(message), { code });

/** A stream that prints synchronously and that `end` and `destroy` do not close. */
function printer(name: StreamName, done: (callback: () => void) => void): Writable {
  const stream = new Writable({ decodeStrings: false, autoDestroy: false, emitClose: false });
  const callbackOf = (...given: unknown[]): (() => void) | undefined =>
    given.find((g) => typeof g === "function") as (() => void) | undefined;
  Object.assign(stream, {
    write(chunk: unknown, encoding?: unknown, callback?: unknown): boolean {
      printChunk(name, chunk, encoding);
      const call = callbackOf(encoding, callback);
      if (call) done(call);
      return true;
    },
    end(chunk?: unknown, encoding?: unknown, callback?: unknown): Writable {
      if (chunk !== undefined && chunk !== null && typeof chunk !== "function") printChunk(name, chunk, encoding);
      const call = callbackOf(chunk, encoding, callback);
      done(() => {
        stream.emit("prefinish");
        stream.emit("finish");
        call?.();
      });
      return stream;
    },
    destroy(error?: Error | null): Writable {
      done(() => {
        if (error && stream.listenerCount("error") > 0) stream.emit("error", error);
        stream.emit("close");
      });
      return stream;
    },
    ref: () => stream,
    unref: () => stream,
  });
  return pin(stream);
}

/** Members and events of a stream by which code reads it. */
const READS = ["read", "resume", "pipe", "setRawMode", "iterator", "toArray", "forEach", "map", "filter", "reduce"];
const EVENTS = ["data", "readable", "keypress", "end"];

function noInput(): Readable {
  const stream = new Readable({ read() {} });
  const refuse = (): never => {
    const message =
      'a cell has no standard input, so reading it would never end: use `await input("Name? ")`, which shows a field below the cell';
    throw Object.assign(new cells.Error(message), { name: "InputRefused" });
  };
  for (const name of [...READS, Symbol.asyncIterator]) Object.defineProperty(stream, name, { value: refuse, configurable: true });
  for (const name of ["on", "once", "addListener", "prependListener", "prependOnceListener"] as const) {
    const own = stream[name];
    const listen = function (this: Readable, event: string, listener: () => void): unknown {
      if (EVENTS.includes(event)) refuse();
      return Reflect.apply(own, stream, [event, listener]);
    };
    Object.defineProperty(stream, name, { value: listen, configurable: true, writable: true });
  }
  return Object.assign(stream, { fd: 0, ref: () => stream, unref: () => stream });
}

/** Methods of `console` whose arguments are printed. */
const SHOWING = ["log", "info", "debug", "warn", "error", "trace"] as const;

/** Replaces `console` and the process's streams. (V8's console keeps a reference to every argument.) */
export function installStreams(): void {
  const define = (name: string, fd: number, make: () => object): void => {
    let made: object | undefined;
    const get = (): object => {
      made ??= Object.assign(make(), { fd });
      return made;
    };
    Object.defineProperty(process, name, { get, enumerable: true, configurable: true });
  };
  define("stdin", 0, noInput);
  define("stdout", 1, () => printer("stdout", later));
  define("stderr", 2, () => printer("stderr", later));
  const own = new Console({
    stdout: printer("stdout", (callback) => callback()),
    stderr: printer("stderr", (callback) => callback()),
    ignoreErrors: false,
    colorMode: false,
    inspectOptions: { depth: 4, breakLength: 100 },
  });
  for (const name of SHOWING) {
    const plain = own[name] as (...given: unknown[]) => void;
    Object.defineProperty(own, name, {
      value: (...given: unknown[]) => {
        withBuiltIns(() => plain(...given.map(shortenLarge)));
      },
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  cells.global.console = own as typeof console;
}
