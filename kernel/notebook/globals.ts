/** `display` and `clearOutput` as imports, for the user's own files. Cells have them as globals. */
import { hostFor } from "../comms/host.js";

/** Options of `display`. */
export interface DisplayOptions {
  /** Whether the value is a MIME bundle, to be shown as it is. Default: false. */
  raw?: boolean;
  /** Whether to replace what was shown with the same `display_id`. Default: false. */
  update?: boolean;
  /** An id, by which the output can be replaced later. Default: none. */
  display_id?: string;
}
interface Globals {
  display(value: unknown, options?: DisplayOptions): Promise<void>;
  clearOutput(wait?: boolean): void;
}
const globals = globalThis as unknown as Globals;

/**
 * Shows a value below the cell, as the last value of a cell is shown.
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
 * Clears the cell's outputs: at once, or with `wait` when the next output comes.
 * @defaultValue `wait`: false
 * @example
 * clearOutput(true);
 */
export function clearOutput(wait = false): void {
  hostFor("clearOutput");
  globals.clearOutput(wait);
}
