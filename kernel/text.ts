/** How the kernel words errors: colours and the lines of a cell around a position. */

const CODES = { red: 31, green: 32, cyan: 36, gray: 90, bold: 1 } as const;

/** ANSI colour, which every notebook front end shows in tracebacks. */
export function paint(colour: keyof typeof CODES, text: string): string {
  return `\u001b[${CODES[colour]}m${text}\u001b[${colour === "bold" ? 22 : 39}m`;
}

/**
 * The line at a position with one line before and after it, and a mark below the columns.
 * `line` and `column` count from 1; `width` columns are marked, at most to the end of the line.
 */
export function codeFrame(code: string, line: number, column: number, width = 1): string {
  const lines = code.split("\n");
  const digits = String(Math.min(lines.length, line + 1)).length;
  const out: string[] = [];
  for (let n = Math.max(1, line - 1); n <= Math.min(lines.length, line + 1); n++) {
    const text = lines[n - 1]!;
    const here = n === line;
    out.push(`${here ? paint("red", ">") : " "} ${paint("gray", `${String(n).padStart(digits)} |`)} ${text}`);
    if (!here) continue;
    const before = text.slice(0, column - 1).replace(/[^\t]/g, " ");
    const marked = Math.max(1, Math.min(width, text.length - column + 1));
    out.push(`  ${" ".repeat(digits)} ${paint("gray", "|")} ${before}${paint("red", "^".repeat(marked))}`);
  }
  return out.join("\n");
}
