/** Failures as replies and `error` messages carry them. */
import type { Failure } from "../messages.js";
import { cut } from "../text.js";

/** Most characters of an error's message and of each line of its traceback: they are saved with the notebook. */
const MESSAGE = 20_000;
const NAME = 200;
const LINES = 200;

/** The failure, cut to a size that a notebook can hold. */
export function shortFailure({ ename, evalue, traceback }: Failure): Failure {
  return {
    ename: cut(ename, NAME),
    evalue: cut(evalue, MESSAGE),
    traceback: traceback.slice(0, LINES).map((line) => cut(line, MESSAGE)),
  };
}

export const stoppedBeforeRun: Failure = {
  ename: "Interrupted",
  evalue: "the cell was stopped before it ran",
  traceback: ["Interrupted: the cell was stopped before it ran"],
};

/** The reply's content for an error of the kernel itself. */
export function errorContent(error: unknown): { status: "error" } & Failure {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  return { status: "error", ename: name, evalue: message, traceback: (stack ?? message).split("\n") };
}
