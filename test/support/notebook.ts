/** Notebooks for the tests, written cell by cell. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Writes a notebook for our kernel with these code cells; returns its path. */
export function writeNotebook(folder: string, name: string, ...cells: string[]): string {
  const path = join(folder, name);
  const made = cells.map((source, i) => ({
    cell_type: "code",
    id: `c${i}`,
    metadata: {},
    source,
    outputs: [],
    execution_count: null,
  }));
  const kernelspec = { name: "sparselab", display_name: "sparselab (TypeScript)", language: "typescript" };
  writeFileSync(path, JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: { kernelspec }, cells: made }));
  return path;
}
