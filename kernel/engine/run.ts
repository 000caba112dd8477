/**
 * Runs cells, one at a time. A cell is a script whose top-level names are live variables of this process. It ends by itself, by an error or
 * by a stop, whichever comes first, and sends `done` exactly once.
 */
import { setMaxListeners } from "node:events";
import vm from "node:vm";
import type { MimeBundle } from "../../lab/display.js";
import { type CompiledCell, endMarker, type Failure, type RunRequest } from "../messages.js";
import { repairAsyncHooks, uncheckAsyncHooks } from "./async-hooks.js";
import { bridge } from "./bridge.js";
import { awaitPromise } from "./cell-realm.js";
import { collectLargeArrays, measureKept } from "./collect.js";
import { bundleOf } from "./display.js";
import { failureOf, interruptedFailure, rememberCell } from "./errors.js";
import { emit, writeAll } from "./events.js";
import { cellOf, endPrints, outputsTo, print, silenceCell } from "./output.js";
import { markCellStart } from "./stop.js";
import { currentTask, type Finisher } from "./task.js";

/** Milliseconds that a stopped cell has to end by itself, so that what its clean-up prints is seen; and one whose script was terminated. */
const GRACE = { asked: 100, forced: 20 };
/** Milliseconds that its figures then have for their last state. The server ends the engine 2 s after the stop. */
const AT_END_AFTER_STOP = 1500;

interface Running {
  readonly request: RunRequest;
  readonly controller: AbortController;
  result: { value: unknown } | undefined;
  /** The value that is sent with `done` (user_expressions). */
  data?: MimeBundle;
  /** Values of the cell's names before it ran. */
  before: unknown[];
  /** What must run after the cell's code and before its reply. */
  readonly atEnd: Finisher[];
  /** The cell's code has ended, or is no longer waited for. */
  ended: boolean;
  /** Aborted when `atEnd` is no longer waited for: at a second stop, or some time after the first. */
  readonly hurry: AbortController;
}

const declared = new Set<string>();
/** Stop signals of the latest cells, for what they left running. */
const signals = new Map<string, AbortSignal>();
const SIGNALS = 100;
let running: Running | undefined;

/** The stop signal of the calling cell or task. */
export function currentSignal(): AbortSignal {
  const task = currentTask();
  if (task) return task.controller.signal;
  const key = cellOf.getStore() ?? running?.request.key;
  return (key !== undefined && signals.get(key)) || running?.controller.signal || new AbortController().signal;
}

/** Whether the code of the cell with this key still runs. */
export function isRunning(key: string): boolean {
  return running?.request.key === key && !running.ended;
}

/** Changes with every execution of a cell. */
export function currentExecution(): string {
  return cellOf.getStore() ?? running?.request.key ?? "none";
}

/** Called by the cell with the value of its last expression. */
export function setResult(label: string, value: unknown): void {
  if (running && running.request.cell.label === label && !running.ended) running.result = { value };
}

function script(code: string, filename: string, lineOffset = 0): unknown {
  // Serves `import()` in code that a cell makes by `eval` or `new Function`; in the cell's own text it was rewritten (language/rewrite.ts).
  const importModuleDynamically = (specifier: string): Promise<vm.Module> => bridge().importModule!(specifier);
  return new vm.Script(code, { filename, lineOffset, importModuleDynamically }).runInThisContext();
}

/** The values of live variables. */
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

/** Calls `fn` now and before each cell. */
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
    atEnd: [],
    ended: false,
    hurry: new AbortController(),
  };
  running = me;
  markCellStart();
  for (const prepare of preparations) prepare();
  measureKept();
  signals.set(key, controller.signal);
  if (signals.size > SIGNALS) signals.delete(signals.keys().next().value!);
  outputsTo(key);
  rememberCell(cell);

  cellOf.run(key, () => {
    uncheckAsyncHooks(); // Not earlier: the storage's first `run` starts its hook.
    let outcome: unknown;
    try {
      declare(cell.names);
      me.before = values(cell.names);
      outcome = script(withDeno(cell.js), cell.label, -1);
    } catch (error) {
      end(me, failureOf(error));
      return;
    }
    // A cell is an async function: its promise is a real one, even where the cell has replaced `Promise`.
    awaitPromise(outcome as object)
      .then(() => (silent ? undefined : showResult(me)))
      .then(
        () => end(me, controller.signal.aborted ? interruptedFailure() : undefined),
        (error: unknown) => end(me, controller.signal.aborted ? interruptedFailure(error) : failureOf(error)),
      );
  });
}

/** Gives a cell that mentions Deno its `Deno`. Not a global, since packages would see it too. */
function withDeno(js: string): string {
  return /\bDeno\b/.test(js) ? `((Deno) => ${js})(__sparselab__.deno)` : js;
}

async function showResult(me: Running): Promise<void> {
  const value = me.result?.value;
  me.result = undefined;
  const isExpression = me.request.expression === true;
  if (value === undefined && !isExpression) return;
  const bundle = bundleOf(value);
  const data = bundle instanceof Promise ? await bundle : bundle;
  if (isExpression) me.data = data;
  else if (!me.ended && Object.keys(data).length) emit({ event: "output", key: me.request.key, type: "execute_result", data });
}

function end(me: Running, failure?: Failure): void {
  if (me.ended) return;
  me.ended = true;
  const { key, cell } = me.request;
  const unassigned = failure && unassignedNames(cell, me.before);
  me.before = [];
  me.result = undefined;
  // One turn later: Node reports rejections that nobody handles at the end of a turn.
  const turn = (): Promise<void> => new Promise((done) => setImmediate(done));
  void runAtEnd(me)
    .then(turn)
    .then(() => {
      if (me.controller.signal.aborted) silenceCell(key);
      if (running === me) running = undefined;
      endPrints(key);
      for (const fd of [1, 2]) writeMark(fd, endMarker(key));
      emit({ event: "done", key, failure, unassigned, data: me.data });
      setTimeout(collectLargeArrays, 0); // Once nothing of this cell is on the stack.
    });
}

const encoder = new TextEncoder();
const encode = encoder.encode.bind(encoder);

/** Marks the end of the cell on a native stream. Where a cell has closed the stream, the server's wait for the mark times out. */
function writeMark(fd: number, mark: string): void {
  try {
    writeAll(fd, encode(mark));
  } catch {
    // Closed.
  }
}

/** Runs what the cell left for its end. After a stop its time is limited. */
async function runAtEnd(me: Running): Promise<void> {
  if (!me.atEnd.length) return;
  const hurried = new Promise<void>((done) => me.hurry.signal.addEventListener("abort", () => done(), { once: true }));
  const all = Promise.all(
    me.atEnd.map(async (finisher) => {
      try {
        await finisher();
      } catch (error) {
        print("stderr", `${failureOf(error).traceback.join("\n")}\n`);
      }
    }),
  );
  if (me.controller.signal.aborted) setTimeout(() => me.hurry.abort(), AT_END_AFTER_STOP).unref();
  await Promise.race([all, hurried]);
}

/** Runs `finisher` when the current task or cell ends, before it counts as done; at once where neither runs. */
export function atEnd(finisher: Finisher): void {
  const task = currentTask();
  if (task) {
    task.atEnd.push(finisher);
    return;
  }
  const key = cellOf.getStore();
  if (running && !running.ended && (key === undefined || key === running.request.key)) running.atEnd.push(finisher);
  else void finisher().catch((error: unknown) => print("stderr", `${failureOf(error).traceback.join("\n")}\n`));
}

/** Names whose values a failed cell left unchanged: they keep their earlier types. */
function unassignedNames(cell: CompiledCell, before: readonly unknown[]): string[] {
  try {
    const after = values(cell.names);
    return cell.names.filter((_, i) => Object.is(after[i], before[i]));
  } catch {
    return [...cell.names]; // The names could not even be declared.
  }
}

/**
 * The stop button. `how`: whether the script was running and had to be terminated (`forced`). Calls of the lab that the cell awaits end by
 * its signal; whatever else it still does can no longer print.
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
    // It runs in the cells' realm, where what it needs may be replaced: the cell must end nevertheless.
    print("stderr", `${failureOf(error).traceback.join("\n")}\n`);
  }
}
