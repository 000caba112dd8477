/**
 * What the engine offers to modules that run in the cells' realm (kernel/notebook, tslab.ts): outputs, tasks, failures. Cells import those
 * modules, while the engine's own code runs in a realm of its own.
 */
import { bundleOf, type DisplayOptions, display, markSilent, showBundle } from "./display.js";
import { failureOf, interruptedFailure } from "./errors.js";
import { divert, finishTask, forget, runTask, Task } from "./task.js";

export const services = {
  bundleOf,
  showBundle,
  markSilent,
  display: (value: unknown, options?: DisplayOptions) => display(value, options),
  failureOf,
  interruptedFailure,
  divert,
  forget,
  Task,
  runTask,
  finishTask,
  // The timers from before the first cell: user code may mock them.
  setTimeout: (fn: () => void, ms: number): NodeJS.Timeout => setTimeout(fn, ms),
  clearTimeout: (timer: NodeJS.Timeout | undefined): void => clearTimeout(timer),
};
export type Services = typeof services;

export const SERVICES = Symbol.for("sparselab.engine");
