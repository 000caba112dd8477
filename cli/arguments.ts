/**
 * Arguments of a command: what is wrong with the way it was called is a UsageError (exit status 2), told with the nearest option and the
 * command's own usage. Everything else that fails is the work's own error (exit status 1).
 */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { LabError, nearest } from "../lab/errors.js";

export class UsageError extends Error {}

export interface Command {
  /** One line for the list of commands. */
  readonly about: string;
  /** The whole text of `sparselab COMMAND --help`. */
  readonly help: string;
  run(args: readonly string[]): Promise<void>;
}

type Options = NonNullable<ParseArgsConfig["options"]>;

/** Options that load a model, and those that every command has. */
export const modelOptions = {
  activation: { type: "string" },
  strategy: { type: "string" },
  t: { type: "string" },
  threads: { type: "string" },
} as const;
export const commonOptions = {
  json: { type: "boolean" },
  debug: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

type Known<O extends Options> = O & typeof commonOptions;
export type Parsed<O extends Options> = ReturnType<typeof parseArgs<{ options: Known<O>; allowPositionals: true }>>;

/** Parses, and takes exactly `names` as the words without a dash. */
export function parse<const O extends Options>(args: readonly string[], options: O, names: readonly string[]): Parsed<O> {
  const known = { ...options, ...commonOptions };
  let parsed: Parsed<O>;
  try {
    parsed = parseArgs({ args: [...args], options: known, allowPositionals: true }) as unknown as Parsed<O>;
  } catch (error) {
    const unknown = /Unknown option '(-[^']+)'/.exec((error as Error).message)?.[1];
    if (unknown === undefined) throw new UsageError((error as Error).message.replaceAll(/\s*\n\s*/g, " "));
    const near = nearest(
      unknown,
      Object.keys(known).map((name) => `--${name}`),
    );
    throw new UsageError(`unknown option ${unknown}.${near ? ` Did you mean ${near}?` : ""}`);
  }
  const given = parsed.positionals;
  if (given.length < names.length) throw new UsageError(`missing ${names.slice(given.length).join(", ")}`);
  if (given.length > names.length)
    throw new UsageError(`"${given[names.length]}" is one word too many; expected ${names.join(" ") || "none"}`);
  return parsed;
}

/** A value that must be there. */
export function required(value: string | undefined, option: string): string {
  if (value === undefined) throw new UsageError(`missing ${option}`);
  return value;
}

export function numberOf(option: string, value: string): number {
  const number = Number(value);
  if (value.trim() === "" || !Number.isFinite(number)) throw new UsageError(`${option} must be a number, received "${value}"`);
  return number;
}
export function countOf(option: string, value: string | undefined, least: number): number | undefined {
  if (value === undefined) return undefined;
  const number = numberOf(option, value);
  if (!Number.isSafeInteger(number) || number < least)
    throw new UsageError(`${option} must be a whole number >= ${least}, received "${value}"`);
  return number;
}
/** `0,0.01,0.02` */
export function numbersOf(option: string, value: string): number[] {
  return value.split(",").map((part) => numberOf(option, part));
}

/** A check of the lab on a value of an option: what it refuses is wrong usage. */
export function usage<T>(option: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof LabError && error.code === "invalid-option") throw new UsageError(`${option}: ${error.message}`);
    throw error;
  }
}
