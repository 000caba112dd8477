/** Stop strings: text that may begin one is held back, so that a reader never sees part of a stop string. */
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

  /** The text that can be shown now. Sets `stopped` at a stop string; the text before it is the last. */
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

  /** The text that was held back, when no more follows. */
  flush(): string {
    const rest = this.#held;
    this.#held = "";
    return rest;
  }
}

/** Length of the longest end of `text` that `stop` begins with. */
function overlap(text: string, stop: string): number {
  for (let n = Math.min(text.length, stop.length - 1); n > 0; n--) if (text.endsWith(stop.slice(0, n))) return n;
  return 0;
}
