/**
 * Text on its way to the reader, held back where it could be the beginning of a stop string: a reader never sees half of what ends the
 * generation.
 */
import { LabError } from "../errors.js";
import { received } from "../received.js";

export class StopText {
  readonly #stops: readonly string[];
  #held = "";
  stopped = false;

  constructor(stops: readonly string[]) {
    for (const stop of stops) {
      if (typeof stop !== "string" || stop === "")
        throw new LabError(
          "invalid-option",
          `a stop string must be a text of at least one character, received ${received(stop)}`,
        );
    }
    this.#stops = [...stops];
  }

  /** What may be shown now. Sets `stopped` when a stop string came; the text before it is the last. */
  push(text: string): string {
    const all = this.#held + text;
    const found = this.#stops.map((stop) => all.indexOf(stop)).filter((at) => at >= 0);
    if (found.length > 0) {
      this.stopped = true;
      this.#held = "";
      return all.slice(0, Math.min(...found));
    }
    const keep = Math.max(0, ...this.#stops.map((stop) => overlap(all, stop)));
    this.#held = all.slice(all.length - keep);
    return all.slice(0, all.length - keep);
  }

  /** What was held back, when nothing more comes. */
  flush(): string {
    const rest = this.#held;
    this.#held = "";
    return rest;
  }
}

/** Length of the longest end of `text` that is a beginning of `stop`. */
function overlap(text: string, stop: string): number {
  for (let n = Math.min(text.length, stop.length - 1); n > 0; n--) if (text.endsWith(stop.slice(0, n))) return n;
  return 0;
}
