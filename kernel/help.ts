/** IPython's help syntax, for the server and for the check whether a cell is complete. */

/** Parses a cell that only requests the documentation of a name: `load?`, `load??`, `?load`, `??load`. */
export function asksForHelp(code: string): { name: string; detail: number } | undefined {
  const NAME = "[\\p{ID_Start}$_][\\p{ID_Continue}$]*(?:\\.[\\p{ID_Start}$_][\\p{ID_Continue}$]*)*";
  const match = new RegExp(`^\\s*(?:(${NAME})(\\?\\??)|(\\?\\??)\\s*(${NAME}))\\s*$`, "u").exec(code);
  if (!match) return undefined;
  return { name: (match[1] ?? match[4])!, detail: (match[2] ?? match[3]) === "??" ? 1 : 0 };
}
