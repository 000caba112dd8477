/** Tables whose column widths are fixed in advance, so that rows can be printed one by one. */

export interface Column {
  readonly head: string;
  /** Minimum width in characters. Default: that of the heading. */
  readonly width?: number;
  /** Alignment. Default: right. */
  readonly side?: "left" | "right";
}

/** The heading line, and a function that makes the line of a row. Columns are two spaces apart. */
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
