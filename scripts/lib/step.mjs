/**
 * A step of set-up: announced, timed, silent while it works, and shown with its last lines if it fails. Set-up is a list of such steps; a step
 * without work prints nothing.
 */
import { spawn } from "node:child_process";
import { root } from "./paths.mjs";
import { reasonIn, tailOf } from "./reason.mjs";

/** An error that the user can fix: printed without a stack. */
export class SetupError extends Error {}

export const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** Runs `work`, and prints what it does and how long it took. */
export async function step(what, work) {
  const start = performance.now();
  process.stderr.write(`· ${what}\n`);
  const result = await work();
  process.stderr.write(`  done in ${seconds(start)}\n`);
  return result;
}

/**
 * Runs a program and returns its output (both streams, in order). A failure throws the last lines of the output, with the reason and the way
 * out if they are known: from the output, or else `hint`. The child shares our process group, so Ctrl-C in the terminal ends both.
 */
export function run(file, args, { env = process.env, cwd = root, hint = "" } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const chunks = [];
    child.stdout.on("data", (data) => chunks.push(data));
    child.stderr.on("data", (data) => chunks.push(data));
    child.on("error", (error) => reject(new SetupError(`${file} could not be started: ${error.message}. ${hint}`.trimEnd())));
    child.on("close", (code, signal) => {
      const output = Buffer.concat(chunks).toString();
      if (code === 0) return resolve(output);
      const ended = `${[file, ...args].join(" ")} ended with ${signal ?? `exit code ${code}`}.`;
      const way = reasonIn(output, { folder: cwd }) ?? hint;
      reject(new SetupError(`${tailOf(output)}\n\n${ended}${way ? `\n${way}` : ""}`));
    });
  });
}

/** What a program prints with exit code 0, or undefined: tells whether a tool is installed. */
export const ask = (file, args) =>
  run(file, args).then(
    (output) => output.trim(),
    () => undefined,
  );

/** An error as it is printed: a SetupError unchanged, a disk that cannot be written with the way out, any other with its stack. */
export function shown(error) {
  if (error instanceof SetupError) return error.message;
  const reason = error?.syscall && reasonIn(error.message);
  return reason ? `${error.message}\n${reason}` : (error?.stack ?? String(error));
}

/** Runs a script's main function; an error is shown, and the exit code is 1. */
export async function main(work) {
  try {
    process.exitCode = (await work()) ?? 0;
  } catch (error) {
    process.stderr.write(`\n${shown(error)}\n`);
    process.exitCode = 1;
  }
}
