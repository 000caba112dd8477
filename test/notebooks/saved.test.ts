/** The notebooks as they are in the clone: with their outputs, which a reader sees before running anything. */
import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { python } from "../../scripts/lib/paths.mjs";
import { codeCells, figureFaults, figures, folder, machinePaths, notebooks, outputs, read, root, text } from "./notebook.js";

describe.each(notebooks)("%s", (name) => {
  const notebook = read(join(folder, name));

  test("is for our kernel", () => {
    expect(notebook.metadata.kernelspec).toMatchObject({ name: "sparselab", language: "typescript" });
  });

  test("is saved byte for byte as JupyterLab saves it: nbformat's order, line breaks and indent", () => {
    const again = "import sys, nbformat; nbformat.write(nbformat.read(sys.argv[1], 4), sys.argv[2])";
    const copy = join(root, "test", "output", `again-${name}`);
    execFileSync(python, ["-c", again, join(folder, name), copy]);
    expect(readFileSync(join(folder, name)).equals(readFileSync(copy))).toBe(true);
  });

  test("is a lecture: words before code, at least eight cells of it", () => {
    expect(codeCells(notebook).length).toBeGreaterThanOrEqual(8);
    expect(notebook.cells[0]!.cell_type).toBe("markdown");
    for (const { id, source } of notebook.cells) expect(text(source).trim(), id).not.toBe("");
    expect(new Set(notebook.cells.map(({ id }) => id)).size).toBe(notebook.cells.length);
  });

  test("is saved as run from the top, without an error", () => {
    expect(codeCells(notebook).map((cell) => cell.execution_count)).toEqual(codeCells(notebook).map((_, i) => i + 1));
    expect(outputs(notebook).filter(({ output_type }) => output_type === "error")).toEqual([]);
    expect(outputs(notebook).length).toBeGreaterThanOrEqual(8);
  });

  test("has at least three plots, each drawn with and without scripts", () => {
    expect(figures(notebook).length).toBeGreaterThanOrEqual(3);
    for (const figure of figures(notebook)) expect(figureFaults(figure), text(figure.data!["text/plain"] as string)).toEqual([]);
  });

  test("contains the plot library before the first figure of each cell that plots", () => {
    for (const cell of codeCells(notebook)) {
      const html = (cell.outputs ?? []).map(({ data }) => text(data?.["text/html"] as string));
      const figure = html.findIndex((output) => output.includes('id="figure-'));
      const library = html.findIndex((output) => output.includes("DecompressionStream"));
      if (figure >= 0) expect(library, cell.id).toBeLessThan(figure);
      if (figure >= 0) expect(library, cell.id).toBeGreaterThanOrEqual(0);
      expect(html.filter((output) => output.includes("DecompressionStream")).length, cell.id).toBe(figure >= 0 ? 1 : 0);
    }
  });

  test("names no path of the machine that ran it", () => {
    expect(machinePaths(JSON.stringify(notebook))).toEqual([]);
    expect(machinePaths('"saved to /home/someone/x.json"')).toEqual(["/home/someone/x.json"]);
  });

  test("is smaller than 8 MB", () => {
    expect(statSync(join(folder, name)).size).toBeLessThan(8e6);
  });
});
