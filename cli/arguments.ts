/**
 * Parses the arguments of a command. Wrong usage is a UsageError (exit status 2), with the nearest option and the command's `--help`. Any other
 * failure has exit status 1.
 */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { LabError, nearest } from "../lab/errors.js";

export class UsageError extends Error {}
/** Thrown for `--help` among the options of a command. */
export class HelpRequested extends Error {}

export interface Command {
  /** One line for the list of commands. */
  readonly about: string;
  /** The text of `sparselab COMMAND --help`. */
  readonly help: string;
  run(args: readonly string[]): Promise<void>;
}

type Options = NonNullable<ParseArgsConfig["options"]>;

/** Options for loading a model, and those of every command. */
export const modelOptions = {
  activation: { type: "string" },
  strategy: { type: "string" },
  device: { type: "string" },
  arithmetic: { type: "string" },
  kv: { type: "string" },
  cutoff: { type: "string" },
  t: { type: "string" },
  threads: { type: "string" },
} as const;
export const helpOptions = {
  debug: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;
export const commonOptions = { json: { type: "boolean" }, ...helpOptions } as const;

type Known<O extends Options> = O & typeof helpOptions;
export type ParsedArguments<O extends Options> = ReturnType<typeof parseArgs<{ options: Known<O>; allowPositionals: true }>>;

/**
 * Parses the arguments. The options --json, --debug and --help are added.
 * @param names of the positional arguments; one that ends with ? may be omitted
 * @param more what to do instead of giving more of them
 */
export function parse<const O extends Options>(
  args: readonly string[],
  options: O,
  names: readonly string[],
  more?: string,
): ParsedArguments<O & typeof commonOptions> {
  return parseOnly(args, { ...options, ...commonOptions }, names, more);
}

/** Like `parse`, without --json. */
export function parseOnly<const O extends Options>(
  args: readonly string[],
  options: O,
  names: readonly string[],
  more?: string,
): ParsedArguments<O> {
  const known = { ...options, ...helpOptions };
  const normalized = normalize(args, known);
  let parsed: ParsedArguments<O>;
  try {
    parsed = parseArgs({ args: normalized, options: known, allowPositionals: true }) as unknown as ParsedArguments<O>;
  } catch (error) {
    throw new UsageError((error as Error).message.replaceAll(/\s*\n\s*/g, " "));
  }
  const given = parsed.positionals;
  const missing = names.slice(given.length).filter((name) => !name.endsWith("?"));
  if (missing.length > 0) throw new UsageError(`missing ${missing.join(", ")}`);
  if (given.length > names.length)
    throw new UsageError(
      `unexpected argument "${given[names.length]}"; expected ${names.join(" ") || "none"}${more === undefined ? "" : ` (${more})`}`,
    );
  return parsed;
}

/**
 * Rewrites the arguments for `parseArgs`: an option's value is always the next argument (also `-1` or a text that begins with a dash, but not
 * another option), and `-n=8` means `-n 8`. Unknown and duplicate options are errors.
 */
function normalize(args: readonly string[], known: Options): string[] {
  const shorts = new Map(Object.entries(known).flatMap(([name, { short }]) => (short ? [[short, name] as const] : [])));
  /** The option's name and, in `--name=value`, its value; undefined for an argument that is not an option. */
  const optionOf = (arg: string): { name: string; value?: string } | undefined => {
    const long = /^--([^=]+)(?:=(.*))?$/s.exec(arg);
    if (long) return { name: long[1]!, ...(long[2] === undefined ? {} : { value: long[2] }) };
    const short = /^-([^-\d.])(?:=?(.+))?$/s.exec(arg);
    if (!short) return undefined;
    return { name: shorts.get(short[1]!) ?? `-${short[1]}`, ...(short[2] === undefined ? {} : { value: short[2] }) };
  };
  const out: string[] = [];
  const seen = new Set<string>();
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") return [...out, ...args.slice(i)];
    const option = optionOf(arg);
    if (!option) {
      out.push(arg);
      continue;
    }
    const { name } = option;
    const written = arg.replace(/=.*$/s, "");
    const type = Object.hasOwn(known, name) ? known[name]!.type : undefined;
    if (type === undefined) throw unknownOption(written, known);
    if (name === "help") throw new HelpRequested();
    if (seen.has(name)) throw new UsageError(`duplicate option ${written}`);
    seen.add(name);
    if (type === "boolean") {
      if (option.value !== undefined) throw new UsageError(`${written} takes no value, received "${option.value}"`);
      out.push(`--${name}`);
      continue;
    }
    let { value } = option;
    if (value === undefined) {
      const next = args[i + 1];
      const other = next === undefined ? undefined : optionOf(next);
      if (next === undefined || next === "--" || (other && Object.hasOwn(known, other.name)))
        throw new UsageError(`missing value of ${written}${next === undefined ? "" : `; ${next} is an option`}`);
      value = next;
      i++;
    }
    out.push(`--${name}=${value}`);
  }
  return out;
}

function unknownOption(written: string, known: Options): UsageError {
  const names = Object.entries(known).flatMap(([name, { short }]) => [
    ...(short === name ? [] : [`--${name}`]),
    ...(short ? [`-${short}`] : []),
  ]);
  // --debug is for reports of faults (sparselab --help names it), and near to too many words.
  const offered = names.filter((name) => name !== "--debug");
  const near = written.length > 2 ? nearest(written, offered) : undefined;
  return new UsageError(`unknown option ${written}.${near ? ` Did you mean ${near}?` : ""} Known: ${offered.join(", ")}`);
}

/** The value of a required option. */
export function required(value: string | undefined, option: string): string {
  if (value === undefined) throw new UsageError(`missing ${option}`);
  return value;
}

export function numberOf(option: string, value: string): number {
  const number = Number(value);
  if (value.trim() === "" || !Number.isFinite(number)) throw new UsageError(`${option} must be a number, received "${value}"`);
  return number;
}
export function countOf(option: string, value: string | undefined, least: number, most?: number): number | undefined {
  if (value === undefined) return undefined;
  const number = numberOf(option, value);
  if (!Number.isSafeInteger(number) || number < least || number > (most ?? number)) {
    const range = most === undefined ? `>= ${least}` : `from ${least} to ${most}`;
    throw new UsageError(`${option} must be a whole number ${range}, received "${value}"`);
  }
  return number;
}
/** `0,0.01,0.02` */
export function numbersOf(option: string, value: string): number[] {
  return value.split(",").map((part) => numberOf(option, part));
}

/** Runs a check of the lab on the value of an option; its errors become wrong usage. */
export function usage<T>(option: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof LabError && error.code === "invalid-option") throw new UsageError(`${option}: ${error.message}`);
    throw error;
  }
}
