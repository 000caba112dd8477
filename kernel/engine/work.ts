/**
 * Work that a cell started and that goes on, or begins, after it: a widget's handler, a call of `interact`. Its prints belong to that cell,
 * it has a stop signal of its own, and its outputs may be taken by an area on the page instead of the cell's.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { EngineEvent } from "../messages.js";
import { uncheckAsyncHooks } from "./async-hooks.js";
import { emit } from "./events.js";
import { pin } from "./pin.js";

/** An output on its way to a cell. */
export type Shown = Extract<EngineEvent, { event: "stream" | "output" }>;
/** Takes an output. */
export type Taker = (shown: Shown) => void;
/** What must be done when work is at its end: a figure's last state with its static picture. */
export type Later = () => Promise<void>;

export class Work {
  readonly controller = new AbortController();
  readonly later: Later[];

  /** @param later shared between runs of which the newest takes over what is left to do */
  constructor(later: Later[] = []) {
    this.later = later;
  }
}

interface Context {
  readonly work: Work | undefined;
  readonly take: Taker | undefined;
}
const contextOf = pin(new AsyncLocalStorage<Context>());
const going = new Set<Work>();
/** Display ids of what stands in an area. */
const placed = new Map<string, Taker>();

export function currentWork(): Work | undefined {
  return contextOf.getStore()?.work;
}

/** Runs `fn` as this work; whatever it starts belongs to it. */
export async function runWork<T>(work: Work, fn: () => T | Promise<T>): Promise<T> {
  going.add(work);
  try {
    return await enter({ work, take: undefined }, fn);
  } finally {
    going.delete(work);
  }
}

/** Does what work left for its end; the work itself may have been stopped. */
export function finishWork({ later }: Work): Promise<void> {
  return enter({ work: new Work(later), take: undefined }, async () => {
    for (let next = later.shift(); next; next = later.shift()) await next();
  });
}

/** The stop button. */
export function stopWork(): void {
  for (const work of going) work.controller.abort();
}

/** Runs `fn`; what it shows and prints, and all that it starts, goes to `take`. */
export function divert<T>(take: Taker, fn: () => T): T {
  return enter({ work: currentWork(), take }, fn);
}

/** Runs `fn`; what it shows goes to its cell all the same. */
export function undiverted<T>(fn: () => T): T {
  return enter({ work: currentWork(), take: undefined }, fn);
}

function enter<T>(context: Context, fn: () => T): T {
  return contextOf.run(context, () => {
    uncheckAsyncHooks();
    return fn();
  });
}

/** Sends an output where it belongs: to the area that the running code fills, else to its cell. */
export function send(shown: Shown): void {
  const take = contextOf.getStore()?.take;
  const id = shown.event === "output" ? shown.displayId : undefined;
  if (shown.event === "output" && shown.type === "update_display_data") {
    const holder = id === undefined ? undefined : placed.get(id);
    if (holder) holder(shown);
    else emit(shown);
    return;
  }
  if (take) take(shown);
  else emit(shown);
  // Afterwards: an area that is emptied by this output forgets what stood in it before.
  if (id === undefined) return;
  if (take) placed.set(id, take);
  else placed.delete(id);
}

/** An area is gone: updates of what stood in it go to the cells again. */
export function forget(take: Taker): void {
  for (const [id, holder] of placed) if (holder === take) placed.delete(id);
}
