/** Text for errors: colours, cut texts, and the lines of a cell around a position. */

const CODES = { red: 31, green: 32, cyan: 36, gray: 90, bold: 1 } as const;

/** ANSI colour, which every notebook front end shows in tracebacks. */
export function paint(colour: keyof typeof CODES, text: string): string {
  return `\u001b[${CODES[colour]}m${text}\u001b[${colour === "bold" ? 22 : 39}m`;
}

/** The first `limit` characters, and how many more there were. */
export function cut(text: string, limit: number): string {
  if (text.length <= limit) return text;
  return `${text.slice(0, limit)}… (${(text.length - limit).toLocaleString("en-US")} more characters)`;
}

/** Most columns shown of a line; of a longer one those around the position. */
const WIDTH = 200;

/**
 * The line at a position with one line before and after it, and a mark below the columns.
 * `line` and `column` count from 1; `width` columns are marked, at most to the end of the line.
 */
export function codeFrame(code: string, line: number, column: number, width = 1): string {
  const lines = code.split("\n");
  const digits = String(Math.min(lines.length, line + 1)).length;
  // All lines are cut at the same column.
  const begin = column > WIDTH * 0.75 ? column - 1 - WIDTH / 2 : 0;
  const part = (text: string): string => {
    const end = begin + WIDTH;
    if (begin >= text.length && begin > 0) return text ? "…" : "";
    return `${begin ? "…" : ""}${text.slice(begin, end)}${text.length > end ? "…" : ""}`;
  };
  const out: string[] = [];
  for (let n = Math.max(1, line - 1); n <= Math.min(lines.length, line + 1); n++) {
    const text = lines[n - 1]!;
    const here = n === line;
    out.push(`${here ? paint("red", ">") : " "} ${paint("gray", `${String(n).padStart(digits)} |`)} ${part(text)}`);
    if (!here) continue;
    const before = (begin ? " " : "") + text.slice(begin, column - 1).replace(/[^\t]/g, " ");
    const marked = Math.max(1, Math.min(width, text.length - column + 1, begin + WIDTH - column + 1));
    out.push(`  ${" ".repeat(digits)} ${paint("gray", "|")} ${before}${paint("red", "^".repeat(marked))}`);
  }
  return out.join("\n");
}
