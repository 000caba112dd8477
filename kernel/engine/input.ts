/**
 * `input` and `password`: a cell asks whoever sits before the front end, and awaits the answer. The rest of the kernel goes on answering
 * meanwhile, and the stop button ends the wait.
 */
import { randomUUID } from "node:crypto";
import type { InputRequest } from "../messages.js";
import { emit } from "./events.js";
import { currentCell, Interrupted } from "./output.js";
import { currentSignal, isRunning } from "./run.js";

interface Waiting {
  readonly resolve: (answer: string) => void;
  readonly reject: (reason: Error) => void;
}
const waiting = new Map<string, Waiting>();

/** The front end has no way to ask, or nobody whom it could ask. */
class InputRefused extends Error {
  override readonly name = "InputRefused";
}

function ask(asker: string, prompt: unknown, password: boolean): Promise<string> {
  const key = currentCell();
  if (key === undefined || !isRunning(key)) {
    const why = `${asker}() works only while its cell runs: a front end that has seen the cell end takes no more questions for it`;
    return Promise.reject(new InputRefused(why));
  }
  const signal = currentSignal();
  return new Promise((resolve, reject) => {
    const id = randomUUID();
    const stop = (): void => settle(() => reject(new Interrupted()));
    const settle = (how: () => void): void => {
      waiting.delete(id);
      signal.removeEventListener("abort", stop);
      how();
    };
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop);
    waiting.set(id, {
      resolve: (answer) => settle(() => resolve(answer)),
      reject: (reason) => settle(() => reject(reason)),
    });
    emit({ event: "input", key, id, asker, prompt: String(prompt ?? ""), password });
  });
}

/** An answer of the front end, or why there is none. */
export function handleInput({ id, answer, refused }: InputRequest): void {
  if (refused !== undefined) waiting.get(id)?.reject(new InputRefused(refused));
  else waiting.get(id)?.resolve(answer ?? "");
}

export function installInput(): void {
  const define = (name: string, value: unknown): void => {
    Object.defineProperty(globalThis, name, { value, enumerable: false, configurable: true, writable: true });
  };
  define("input", (prompt?: unknown) => ask("input", prompt, false));
  define("password", (prompt?: unknown) => ask("password", prompt, true));
}
