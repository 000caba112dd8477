/** `display` and `clearOutput`, which every cell has as globals, for the user's own files. */
import { hostFor } from "../comms/host.js";

/** What `display` takes beside the value. */
export interface DisplayOptions {
  /** The value is a MIME bundle, shown as it is. Default: false. */
  raw?: boolean;
  /** Draws anew what was shown under `display_id`. Default: false. */
  update?: boolean;
  /** A name under which it can be drawn anew. Default: none. */
  display_id?: string;
}
interface Globals {
  display(value: unknown, options?: DisplayOptions): Promise<void>;
  clearOutput(wait?: boolean): void;
}
const globals = globalThis as unknown as Globals;

/**
 * Shows a value below the cell, as a cell's last value is shown.
 * @defaultValue `raw`: false; `update`: false; `display_id`: none
 * @example
 * await display([{ t: 0, sparsity: 0.9 }]);
 * await display({ "text/html": "<b>bold</b>" }, { raw: true });
 */
export function display(value: unknown, options?: DisplayOptions): Promise<void> {
  hostFor("display");
  return globals.display(value, options);
}

/**
 * Clears the cell's outputs: at once, or with `wait` when the next output arrives.
 * @defaultValue `wait`: false
 * @example
 * clearOutput(true);
 */
export function clearOutput(wait = false): void {
  hostFor("clearOutput");
  globals.clearOutput(wait);
}
