/**
 * The language thread. TypeScript runs apart from the protocol and the engine, so completion and help work while a cell computes, and a new
 * engine starts without loading TypeScript again.
 */
import v8 from "node:v8";
import { parentPort, workerData } from "node:worker_threads";
import { collectGarbage } from "../gc.js";
import type { LanguageCalls } from "../messages.js";
import { Cells } from "./cells.js";
import { complete, inspect, isComplete } from "./queries.js";

const cells = new Cells((workerData as { cwd: string }).cwd);
const port = parentPort!;

const calls: { [K in keyof LanguageCalls]: (ask: LanguageCalls[K]["ask"]) => LanguageCalls[K]["reply"] } = {
  check: ({ code, label }) => cells.check(code, label),
  revert: ({ names }) => {
    cells.revert(names);
    return null;
  },
  undo: ({ label }) => {
    cells.undo(label);
    return null;
  },
  reset: () => {
    cells.reset();
    return null;
  },
  complete: ({ code, cursor }) => complete(cells, code, cursor),
  inspect: ({ code, cursor, detail }) => inspect(cells, code, cursor, detail),
  isComplete: ({ code }) => isComplete(code),
};

export interface LanguageRequest<K extends keyof LanguageCalls = keyof LanguageCalls> {
  readonly id: number;
  readonly call: K;
  readonly ask: LanguageCalls[K]["ask"];
}
export type LanguageResponse =
  /** The first program was made, which takes a while. From now on a long call is long because of its cell. */
  { readonly ready: true } | { readonly id: number; readonly reply: unknown } | { readonly id: number; readonly error: string };

/** Each cell makes a new program. A collection takes 0.1 s: it runs when the garbage may exceed this many bytes. */
const ROOM = 32 << 20;
let kept = 0;
function collect(): void {
  if (v8.getHeapStatistics().used_heap_size < kept + ROOM) return;
  collectGarbage();
  kept = v8.getHeapStatistics().used_heap_size;
}

let called = false;

port.on("message", ({ id, call, ask }: LanguageRequest) => {
  called = true;
  try {
    const answer = calls[call] as (ask: unknown) => unknown;
    port.postMessage({ id, reply: answer(ask) } satisfies LanguageResponse);
  } catch (error) {
    port.postMessage({
      id,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    } satisfies LanguageResponse);
  }
  collect();
});

// Make the first program now: it reads all library types, which takes a second or so.
cells.compiler.program().getTypeChecker();
port.postMessage({ ready: true } satisfies LanguageResponse);
kept = v8.getHeapStatistics().used_heap_size; // Nearly all of it stays in use.
// Then check a typical cell, to warm the checker up; unless a call is waiting already.
setImmediate(() => {
  if (called) return;
  cells.check('import { load } from "sparselab"; console.log(load)', "warm-up");
  cells.reset();
});
