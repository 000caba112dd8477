/**
 * The error class of the lab, and helpers for its messages: an error has a code for programs, and for people the name, what was expected,
 * what was received, and what to do.
 */
import { distance } from "fastest-levenshtein";
import { received } from "./received.js";
import type { LabErrorCode } from "./vocabulary.js";

export type { LabErrorCode } from "./vocabulary.js";

/** A message is one line, even where a name in a file contains a line break. */
const escaped = (control: string): string => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`;

/**
 * An error of the lab: `code` is for programs, the message for people, with what was expected, what was received and what to do.
 * @example
 * try {
 *   await load("nowhere.gguf");
 * } catch (error) {
 *   if (error instanceof LabError && error.code === "bad-file") console.log(error.message);
 * }
 */
export class LabError extends Error {
  override readonly name = "LabError";
  readonly code: LabErrorCode;
  constructor(code: LabErrorCode, message: string, options?: ErrorOptions) {
    super(message.replace(/\p{Cc}/gu, escaped), options);
    this.code = code;
  }
}

/** The name in `known` that is nearest to `name` by Levenshtein distance; undefined where none is near. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(2, Math.ceil(name.length / 2)) + 1;
  for (const candidate of known) {
    const d = distance(name.toLowerCase(), candidate.toLowerCase());
    if (d < least) [best, least] = [candidate, d];
  }
  return best;
}

/**
 * `unknown measure "perplexty". Did you mean "perplexity"? Known: ...` Names that are planned may be the nearest, and are said to be
 * unavailable.
 */
export function unknownName(
  code: LabErrorCode,
  what: string,
  name: string,
  known: readonly string[],
  planned: readonly string[] = [],
): LabError {
  const near = nearest(name, [...known, ...planned]);
  const yet = near !== undefined && !known.includes(near) ? " (not available yet)" : "";
  const hint = near ? ` Did you mean "${near}"${yet}?` : "";
  return new LabError(code, `unknown ${what} "${name}".${hint} Known: ${known.join(", ")}`);
}

/**
 * Throws where `options` is not a record, or has a key that is not in `known`: an ignored option would give wrong results silently.
 * Undefined means no options.
 */
export function checkOptions(where: string, options: unknown, known: readonly string[]): void {
  if (options !== undefined && (typeof options !== "object" || options === null || Array.isArray(options)))
    throw new LabError("invalid-option", `the options of ${where} must be a record, received ${received(options)}`);
  for (const key of Object.keys(options ?? {})) {
    if (!known.includes(key)) throw unknownName("invalid-option", `option of ${where}`, key, known);
  }
}

/** For values that the lab computes from logits; the executor itself refuses logits that are not finite. */
export function notFinite(position: number): LabError {
  return new LabError(
    "not-finite",
    `the logits at token position ${position} are not finite: a weight of the file is, or an intervention or activation drove the values out of float32`,
  );
}
