/** `display` and `clearOutput`, which every cell has as globals, for the user's own files. */
import { hostFor } from "../comms/host.js";

export interface DisplayOptions {
  /** The value is a MIME bundle, shown as it is. */
  raw?: boolean;
  /** Draws anew what was shown under `display_id`. */
  update?: boolean;
  display_id?: string;
}
interface Globals {
  display(value: unknown, options?: DisplayOptions): Promise<void>;
  clearOutput(wait?: boolean): void;
}
const globals = globalThis as unknown as Globals;

/** Shows a value below the cell. */
export function display(value: unknown, options?: DisplayOptions): Promise<void> {
  hostFor("display");
  return globals.display(value, options);
}

/** Clears the cell's outputs: at once, or with `wait` when the next output arrives. */
export function clearOutput(wait = false): void {
  hostFor("clearOutput");
  globals.clearOutput(wait);
}
