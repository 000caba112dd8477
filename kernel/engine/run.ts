/**
 * Runs cells, one at a time. A cell is a script whose top-level names are live variables of this process; it ends by itself, by an error,
 * or by a stop, whichever comes first, and says so exactly once.
 */
import { setMaxListeners } from "node:events";
import vm from "node:vm";
import type { MimeBundle } from "../../lab/display.js";
import { type CompiledCell, endMarker, type Failure, type RunRequest } from "../messages.js";
import { repairAsyncHooks, uncheckAsyncHooks } from "./async-hooks.js";
import { bridge } from "./bridge.js";
import { settled } from "./cell-realm.js";
import { collectLargeArrays, measureKept } from "./collect.js";
import { shownAs } from "./display.js";
import { failureOf, interruptedFailure, rememberCell } from "./errors.js";
import { emit, writeAll } from "./events.js";
import { cellOf, endPrints, outputsTo, print, silenceCell } from "./output.js";
import { cellBegins } from "./stop.js";
import { currentWork } from "./work.js";

/** Milliseconds a stopped cell has to end by itself, so that its own clean-up is seen; and one whose script was ended by force. */
const GRACE = { asked: 100, forced: 20 };
/** Milliseconds that its figures then have for their last state; the server's patience is 2 s in all. */
const WORK_AFTER_STOP = 1500;

interface Running {
  readonly request: RunRequest;
  readonly controller: AbortController;
  result: { value: unknown } | undefined;
  /** What `done` takes along (user_expressions). */
  data?: MimeBundle;
  /** Values of the cell's names before it ran. */
  before: unknown[];
  /** What must be done after the cell's code and before its reply. */
  readonly work: Array<() => Promise<void>>;
  /** The cell's code has ended, or is no longer waited for. */
  ended: boolean;
  /** A second stop, or the end of patience after the first. */
  readonly hurry: AbortController;
}

const declared = new Set<string>();
/** Stop signals of recent cells, for what they left running. */
const signals = new Map<string, AbortSignal>();
const SIGNALS = 100;
let running: Running | undefined;

/** The stop signal of the cell, or of the widget's handler, that asks. */
export function currentSignal(): AbortSignal {
  const work = currentWork();
  if (work) return work.controller.signal;
  const key = cellOf.getStore() ?? running?.request.key;
  return (key !== undefined && signals.get(key)) || running?.controller.signal || new AbortController().signal;
}

/** Whether the code of the cell with this key has not come to its end. */
export function isRunning(key: string): boolean {
  return running?.request.key === key && !running.ended;
}

/** Changes with every execution of a cell. */
export function currentExecution(): string {
  return cellOf.getStore() ?? running?.request.key ?? "none";
}

/** The cell's last expression. */
export function setResult(label: string, value: unknown): void {
  if (running && running.request.cell.label === label && !running.ended) running.result = { value };
}

function script(code: string, filename: string, lineOffset = 0): unknown {
  // For `import()` in what a cell makes by `eval` or `new Function`; in the cell itself it is a call of ours (language/rewrite.ts).
  const importModuleDynamically = (specifier: string): Promise<vm.Module> => bridge().importModule!(specifier);
  return new vm.Script(code, { filename, lineOffset, importModuleDynamically }).runInThisContext();
}

/** Values of names, by the live variables. */
function values(names: readonly string[]): unknown[] {
  return names.length ? (script(`[${names.join(", ")}]`, "names") as unknown[]) : [];
}

function declare(names: readonly string[]): void {
  const fresh = names.filter((n) => !declared.has(n));
  if (!fresh.length) return;
  script(`let ${fresh.join(", ")};`, "names");
  for (const name of fresh) declared.add(name);
}

const preparations: (() => void)[] = [];

/** Takes what must hold before each cell. */
export function beforeEachCell(fn: () => void): void {
  fn();
  preparations.push(fn);
}

export function runCell(request: RunRequest): void {
  const { cell, key, silent } = request;
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  const me: Running = {
    request,
    controller,
    result: undefined,
    before: [],
    work: [],
    ended: false,
    hurry: new AbortController(),
  };
  running = me;
  cellBegins();
  for (const prepare of preparations) prepare();
  measureKept();
  signals.set(key, controller.signal);
  if (signals.size > SIGNALS) signals.delete(signals.keys().next().value!);
  outputsTo(key);
  rememberCell(cell);

  cellOf.run(key, () => {
    uncheckAsyncHooks(); // Here: it is the first `run` of the storage that starts its hook.
    let outcome: unknown;
    try {
      declare(cell.names);
      me.before = values(cell.names);
      outcome = script(withDeno(cell.js), cell.label, -1);
    } catch (error) {
      end(me, failureOf(error));
      return;
    }
    // A cell is an async function: its promise is of the language's own kind, whatever the cell made of `Promise`.
    settled(outcome as object)
      .then(() => (silent ? undefined : showResult(me)))
      .then(
        () => end(me, controller.signal.aborted ? interruptedFailure() : undefined),
        (error: unknown) => end(me, controller.signal.aborted ? interruptedFailure(error) : failureOf(error)),
      );
  });
}

/** Gives a cell that speaks of Deno what this kernel has of it, without making it a name of the packages too. */
function withDeno(js: string): string {
  return /\bDeno\b/.test(js) ? `((Deno) => ${js})(__sparselab__.deno)` : js;
}

async function showResult(me: Running): Promise<void> {
  const value = me.result?.value;
  me.result = undefined;
  const wanted = me.request.expression === true;
  if (value === undefined && !wanted) return;
  const shown = shownAs(value);
  const data = shown instanceof Promise ? await shown : shown;
  if (wanted) me.data = data;
  else if (!me.ended && Object.keys(data).length) emit({ event: "output", key: me.request.key, type: "execute_result", data });
}

function end(me: Running, failure?: Failure): void {
  if (me.ended) return;
  me.ended = true;
  const { key, cell } = me.request;
  const unassigned = failure && unassignedNames(cell, me.before);
  me.before = [];
  me.result = undefined;
  // A turn later: only then does Node tell of promises that failed and that nobody waited for.
  const turn = (): Promise<void> => new Promise((done) => setImmediate(done));
  void finish(me)
    .then(turn)
    .then(() => {
      if (me.controller.signal.aborted) silenceCell(key);
      if (running === me) running = undefined;
      endPrints(key);
      for (const fd of [1, 2]) writeMark(fd, endMarker(key));
      emit({ event: "done", key, failure, unassigned, data: me.data });
      setTimeout(collectLargeArrays, 0); // When nothing of this cell is on the stack any more.
    });
}

const encoder = new TextEncoder();
const encode = encoder.encode.bind(encoder);

/** Says on a native stream that the cell is over. Where a cell has closed the stream, the server waits a moment and goes on. */
function writeMark(fd: number, mark: string): void {
  try {
    writeAll(fd, encode(mark));
  } catch {
    // Closed.
  }
}

/** Work of the cell that outlasts its code. After a stop it has a moment, not for ever. */
async function finish(me: Running): Promise<void> {
  if (!me.work.length) return;
  const hurried = new Promise<void>((done) => me.hurry.signal.addEventListener("abort", () => done(), { once: true }));
  const all = Promise.all(
    me.work.map(async (work) => {
      try {
        await work();
      } catch (error) {
        print("stderr", `${failureOf(error).traceback.join("\n")}\n`);
      }
    }),
  );
  if (me.controller.signal.aborted) setTimeout(() => me.hurry.abort(), WORK_AFTER_STOP).unref();
  await Promise.race([all, hurried]);
}

/** Takes work that the running cell, or handler, must do before it is done; without either it is done at once. */
export function atEnd(work: () => Promise<void>): void {
  const handler = currentWork();
  if (handler) {
    handler.later.push(work);
    return;
  }
  const key = cellOf.getStore();
  if (running && !running.ended && (key === undefined || key === running.request.key)) running.work.push(work);
  else void work().catch((error: unknown) => print("stderr", `${failureOf(error).traceback.join("\n")}\n`));
}

/** A name whose value is what it was before the failed cell keeps its earlier meaning too. */
function unassignedNames(cell: CompiledCell, before: readonly unknown[]): string[] {
  try {
    const after = values(cell.names);
    return cell.names.filter((_, i) => Object.is(after[i], before[i]));
  } catch {
    return [...cell.names]; // The names could not even be declared.
  }
}

/**
 * The stop button. `how`: the script was running and had to be ended (`forced`) or not. What the cell awaits through the lab ends by its signal; whatever else it still
 * does can print no more.
 */
export function stopCell(how: keyof typeof GRACE): void {
  repairAsyncHooks();
  const me = running;
  if (!me) return;
  if (me.ended) {
    me.hurry.abort();
    return;
  }
  me.controller.abort();
  setTimeout(() => end(me, interruptedFailure()), GRACE[how]);
  try {
    bridge().stopped?.();
  } catch (error) {
    // It runs among the cells, which may have replaced what it needs: the cell must end all the same.
    print("stderr", `${failureOf(error).traceback.join("\n")}\n`);
  }
}
