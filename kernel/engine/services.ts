/**
 * What the engine does for modules that run among the cells (kernel/notebook, tslab.ts): outputs, work, failures. Those modules are
 * loaded by cells, the engine's own code runs in a realm of its own; they meet here.
 */
import { type DisplayOptions, display, showBundle, shownAs } from "./display.js";
import { failureOf, interruptedFailure } from "./errors.js";
import { divert, finishWork, forget, runWork, Work } from "./work.js";

export const services = {
  shownAs,
  showBundle,
  display: (value: unknown, options?: DisplayOptions) => display(value, options),
  failureOf,
  interruptedFailure,
  divert,
  forget,
  Work,
  runWork,
  finishWork,
  // Those from before the first cell: tests replace timers.
  setTimeout: (fn: () => void, ms: number): NodeJS.Timeout => setTimeout(fn, ms),
  clearTimeout: (timer: NodeJS.Timeout | undefined): void => clearTimeout(timer),
};
export type Services = typeof services;

export const SERVICES = Symbol.for("sparselab.engine");
