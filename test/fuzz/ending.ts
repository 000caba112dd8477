/** The allowed endings of opening a damaged file, and those that count as misses. */

export interface Ending {
  readonly path: string;
  /** "ran", or the code of a LabError; "stack" where something else was thrown, "crash" and "hang" where there was no answer. */
  readonly how: string;
  readonly message: string;
  /** Largest resident memory of the process so far. */
  readonly maxBytes: number;
}

const LIMIT_BYTES = 2 ** 30;
const LIMIT_MESSAGE = 1500;
/** Text that no message for people may contain: internals of C++ and JavaScript, placeholders, a second line. */
const UNREADABLE = /std::|basic_string|bad_alloc|vector(?:::|<)|undefined|\[object|NaN elements|\n/;

/** Why this ending is a miss, or "". */
export function missOf({ how, message, maxBytes }: Ending): string {
  if (["crash", "hang", "stack"].includes(how)) return `${how}: ${message}`;
  if (maxBytes > LIMIT_BYTES) return `memory: ${Math.round(maxBytes / 2 ** 20)} MiB resident`;
  if (how !== "ran" && (message.length < 20 || message.length > LIMIT_MESSAGE || UNREADABLE.test(message))) {
    return `unreadable message: ${message.slice(0, LIMIT_MESSAGE)}`;
  }
  return "";
}
