/**
 * Tasks: what runs on behalf of a cell after its code has ended, or beside it: a widget's handler, a call of `interact`. What a task prints
 * belongs to that cell. It has a stop signal of its own, and its outputs may be diverted to an area on the page.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { EngineEvent } from "../messages.js";
import { uncheckAsyncHooks } from "./async-hooks.js";
import { emit } from "./events.js";
import { pin } from "./pin.js";

/** Something printed or shown, on its way to a cell. */
export type CellOutput = Extract<EngineEvent, { event: "stream" | "output" }>;
/** Takes outputs in place of the cell: an output area on the page. */
export type OutputSink = (output: CellOutput) => void;
/** What must run when a task ends: a figure's last state with its static picture. */
export type Finisher = () => Promise<void>;

export class Task {
  readonly controller = new AbortController();
  readonly atEnd: Finisher[];

  /** @param atEnd shared by tasks of which the newest takes over what the others have left to do */
  constructor(atEnd: Finisher[] = []) {
    this.atEnd = atEnd;
  }
}

interface Context {
  readonly task: Task | undefined;
  readonly sink: OutputSink | undefined;
}
const contextOf = pin(new AsyncLocalStorage<Context>());
const running = new Set<Task>();
/** The area that shows an output, by display id. */
const areas = new Map<string, OutputSink>();

export function currentTask(): Task | undefined {
  return contextOf.getStore()?.task;
}

/** Runs `fn` as this task; whatever it starts belongs to the task. */
export async function runTask<T>(task: Task, fn: () => T | Promise<T>): Promise<T> {
  running.add(task);
  try {
    return await enter({ task, sink: undefined }, fn);
  } finally {
    running.delete(task);
  }
}

/** Runs what a task left for its end, even where the task itself was stopped. */
export function finishTask({ atEnd }: Task): Promise<void> {
  return enter({ task: new Task(atEnd), sink: undefined }, async () => {
    for (let next = atEnd.shift(); next; next = atEnd.shift()) await next();
  });
}

/** The stop button. */
export function stopTasks(): void {
  for (const task of running) task.controller.abort();
}

/** Runs `fn`; what it shows and prints, and all that it starts, goes to `sink`. */
export function divert<T>(sink: OutputSink, fn: () => T): T {
  return enter({ task: currentTask(), sink }, fn);
}

/** Runs `fn`; what it shows goes to its cell, even where outputs are diverted. */
export function showInCell<T>(fn: () => T): T {
  return enter({ task: currentTask(), sink: undefined }, fn);
}

function enter<T>(context: Context, fn: () => T): T {
  return contextOf.run(context, () => {
    uncheckAsyncHooks();
    return fn();
  });
}

/** Sends an output to the area that the running code fills, or to its cell. An update goes to the area that shows its display id. */
export function send(output: CellOutput): void {
  const sink = contextOf.getStore()?.sink;
  const id = output.event === "output" ? output.displayId : undefined;
  if (output.event === "output" && output.type === "update_display_data") {
    const area = id === undefined ? undefined : areas.get(id);
    if (area) area(output);
    else emit(output);
    return;
  }
  if (sink) sink(output);
  else emit(output);
  // After it was sent: where this output empties an area, the area first forgets the ids it held.
  if (id === undefined) return;
  if (sink) areas.set(id, sink);
  else areas.delete(id);
}

/** An area was closed or emptied: updates of its outputs go to the cells again. */
export function forget(sink: OutputSink): void {
  for (const [id, area] of areas) if (area === sink) areas.delete(id);
}
