/** Rows under headings, each column as wide as its heading or as asked: a row can be printed before the next one is known. */

export interface Column {
  readonly head: string;
  /** Characters at least. */
  readonly width?: number;
  /** Default: right, as numbers stand. */
  readonly side?: "left" | "right";
}

/** The heading line, and a line of values; columns are two spaces apart. */
export function tableOf(columns: readonly Column[]): { readonly head: string; row(values: readonly string[]): string } {
  const line = (values: readonly string[]): string =>
    columns
      .map(({ head, width = 0, side = "right" }, i) => {
        const room = Math.max(head.length, width);
        const value = values[i] ?? "";
        return side === "left" ? value.padEnd(room) : value.padStart(room);
      })
      .join("  ")
      .trimEnd();
  return { head: line(columns.map(({ head }) => head)), row: line };
}
