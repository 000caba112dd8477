#!/usr/bin/env node
/**
 * The command line, `sparselab COMMAND ...`, with a file for each command. Exit status: 0; 2 for wrong usage; 1 for any other failure. An error
 * is one line; `--debug` adds the stack.
 */
import { nearest } from "../lab/errors.js";
import { packageInfo } from "../lab/package.js";
import { type Command, HelpRequested, UsageError } from "./arguments.js";
import { fetch } from "./commands/fetch.js";
import { generate } from "./commands/generate.js";
import { info } from "./commands/info.js";
import { install } from "./commands/install.js";
import { lab } from "./commands/lab.js";
import { logits } from "./commands/logits.js";
import { measure } from "./commands/measure.js";
import { sweep } from "./commands/sweep.js";
import { tokenize } from "./commands/tokenize.js";
import { uninstall } from "./commands/uninstall.js";
import { print } from "./model.js";

const commands: Readonly<Record<string, Command>> = {
  info,
  generate,
  tokenize,
  logits,
  measure,
  sweep,
  fetch,
  lab,
  install,
  uninstall,
};

function helpText(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const list = Object.entries(commands).map(([name, { about }]) => `  ${name.padEnd(width)}  ${about}`);
  return `sparselab ${packageInfo().version}: a lab for activation-sparse language models\n\nusage: sparselab COMMAND ...\n\n${list.join("\n")}\n\nsparselab COMMAND --help describes a command; -v, --version prints the version. With --debug,\na command that fails also prints where in the program it failed.`;
}

function commandOf(name: string): Command {
  if (Object.hasOwn(commands, name)) return commands[name]!;
  const near = nearest(name, [...Object.keys(commands), "--help", "--version"]);
  const what = name.startsWith("-") ? `option ${name}` : `command "${name}"`;
  throw new UsageError(
    `unknown ${what}.${near ? ` Did you mean ${near.startsWith("-") ? near : `"${near}"`}?` : ""} Known: ${Object.keys(commands).join(", ")}`,
  );
}

async function main(args: readonly string[]): Promise<void> {
  const [name, ...rest] = args;
  if (name === "help" && rest.length > 0) return print(commandOf(rest[0]!).help);
  if (name === "--help" || name === "-h" || name === "help") return print(helpText());
  if (name === "--version" || name === "-v") return print(packageInfo().version);
  if (name === undefined) throw new UsageError(`missing COMMAND. Known: ${Object.keys(commands).join(", ")}`);
  const command = commandOf(name);
  try {
    await command.run(rest);
  } catch (error) {
    if (error instanceof HelpRequested) return print(command.help);
    if (error instanceof UsageError)
      throw new UsageError(`${name}: ${error.message} (sparselab ${name} --help)`, { cause: error });
    throw error;
  }
}

// A closed pipe (`| head`) is not a failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});
const args = process.argv.slice(2);
main(args).catch((error: unknown) => {
  const message = (error instanceof Error ? error.message : String(error)).replaceAll(/\s*\n\s*/g, " ");
  process.stderr.write(`sparselab: ${message}\n`);
  if (args.includes("--debug") && error instanceof Error) process.stderr.write(`${error.stack ?? ""}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
});
