/**
 * `input` and `password`: a cell prompts the user and awaits the answer. The rest of the kernel stays responsive meanwhile, and the stop
 * button ends the wait. `prompt` and `confirm`, as browsers and Deno have them, need no `await`: they block the engine, its timers and
 * widgets too.
 */
import { randomUUID } from "node:crypto";
import type { InputRequest } from "../messages.js";
import { cells, promiseForCells } from "./cell-realm.js";
import { emit } from "./events.js";
import { currentCell, Interrupted, print } from "./output.js";
import { waitForRequest } from "./requests.js";
import { currentSignal, isRunning } from "./run.js";

interface Waiting {
  readonly resolve: (answer: string) => void;
  readonly reject: (reason: Error) => void;
}
const waiting = new Map<string, Waiting>();

/** The front end does not support input, or has no user to ask. */
class InputRefused extends cells.Error {
  override readonly name = "InputRefused";
}

/** The running cell; any other may not ask. */
function askingCell(asker: string): string {
  const key = currentCell();
  if (key !== undefined && isRunning(key)) return key;
  const why = `${asker}() works only while its cell runs: front ends accept no prompt for a cell that has ended`;
  throw new InputRefused(why);
}

async function ask(asker: string, prompt: unknown, password: boolean): Promise<string> {
  const key = askingCell(asker);
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

/** Asks, and blocks until the answer comes. */
function askNow(asker: string, prompt: string): string {
  const key = askingCell(asker);
  const id = randomUUID();
  emit({ event: "input", key, id, asker, prompt, password: false });
  const request = waitForRequest((r): r is InputRequest => r.op === "input" && r.id === id);
  if (!request) throw new Interrupted();
  if (request.refused !== undefined) throw new InputRefused(request.refused);
  return request.answer ?? "";
}

/** The front end's answer, or the reason why there is none. */
export function handleInput({ id, answer, refused }: InputRequest): void {
  if (refused !== undefined) waiting.get(id)?.reject(new InputRefused(refused));
  else waiting.get(id)?.resolve(answer ?? "");
}

/** The prompt with a space at its end. */
const spaced = (text: string): string => (/\s$/.test(text) ? text : `${text} `);

export function installInput(): void {
  const define = (name: string, value: unknown): void => {
    Object.defineProperty(cells.global, name, { value, enumerable: false, configurable: true, writable: true });
  };
  define("input", (prompt?: unknown) => promiseForCells(ask("input", prompt, false)));
  define("password", (prompt?: unknown) => promiseForCells(ask("password", prompt, true)));
  define("prompt", (message: unknown = "Prompt", value: unknown = "") => {
    const initial = String(value ?? "");
    const answer = askNow("prompt", spaced(initial ? `${message} [${initial}]` : `${message}`));
    return answer === "" ? initial : answer;
  });
  define("confirm", (message: unknown = "Confirm") => /^y(es)?$/i.test(askNow("confirm", `${message} [y/N] `).trim()));
  // Unlike in a browser it does not block.
  define("alert", (message: unknown = "Alert") => print("stdout", `${message}\n`));
}
