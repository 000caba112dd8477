/** The first notebook in JupyterLab: opened with its saved outputs, trusted and untrusted, and after Run All. Screenshots are written to test/output/. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { folder as notebookFolder, notebooks } from "../notebooks/notebook.js";
import { Lab, type NotebookPage, type SavedCell } from "./lab.js";

const first = "01-sparsity-against-quality.ipynb";

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.start(notebookFolder);
}, 120_000);
afterAll(() => lab?.stop());

/**
 * Runs in the page: the figures on it now, each with its visible picture and plotly's plot, if they have a size. In an untrusted
 * notebook the page keeps only a figure's picture, and removes even its id.
 */
const figuresHere = `(() => {
  const seen = (e) => e !== null && e.getBoundingClientRect().width > 200 && e.getBoundingClientRect().height > 100;
  return [...document.querySelectorAll(".jp-OutputArea-output")].flatMap((output) => {
    const image = output.querySelector('img[src^="data:image/"]');
    const plot = output.querySelector(".js-plotly-plot");
    const key = output.querySelector('[id^="figure-"]')?.id ?? image?.src;
    const drawn = seen(plot?.querySelector(".main-svg") ?? null) && plot.querySelector(".cartesianlayer :is(path, image)") !== null;
    return key === undefined ? [] : [{ key, picture: seen(image) && image.complete && image.naturalWidth > 0, drawn }];
  });
})()`;

/** All figures seen while scrolling from top to bottom, by their contents. */
async function figuresOf(opened: NotebookPage, name: string) {
  const pictures = new Set<string>();
  const drawn = new Set<string>();
  await opened.scroll(async (screen) => {
    await opened.screenshot(`${name}-${screen + 1}`);
    for (const figure of await opened.page.evaluate<{ key: string; picture: boolean; drawn: boolean }[]>(figuresHere)) {
      if (figure.picture) pictures.add(figure.key);
      if (figure.drawn) drawn.add(figure.key);
    }
  });
  return { pictures: pictures.size, drawn: drawn.size };
}

const codeCells = (cells: readonly SavedCell[]) => cells.filter((cell) => cell.cell_type === "code");
const figuresIn = (cells: readonly SavedCell[]) =>
  cells.flatMap((cell) => cell.outputs ?? []).filter((output) => String(output.data?.["text/html"] ?? "").includes('id="figure-'))
    .length;

test("as saved: every plot is drawn, and the console has no errors", { timeout: 120_000 }, async () => {
  const opened = await lab.open(first);
  await opened.idle(60_000);
  const saved = opened.saved();
  expect(codeCells(saved).length).toBeGreaterThanOrEqual(8);
  expect(figuresIn(saved)).toBeGreaterThanOrEqual(3);
  for (const cell of codeCells(saved)) expect(cell.execution_count).toBeTypeOf("number");
  const { drawn } = await figuresOf(opened, "first-as-it-comes");
  expect(drawn, "set-up trusts the notebooks that are as committed: is this one changed?").toBe(figuresIn(saved));
  expect(opened.complaints).toEqual([]);
  await lab.close(opened);
});

const linesOf = (path: string): readonly string[] => readFileSync(path, "utf8").split("\n");

test.each(notebooks)("%s: opening changes nothing, and saving changes no line", { timeout: 120_000 }, async (name) => {
  const before = linesOf(join(lab.folder, name));
  const opened = await lab.open(name);
  await opened.idle(60_000);
  // A notebook without the kernel's language_info would be marked as changed from here on.
  await opened.introduced;
  // Saved widgets are read once there is a kernel; a drawn one was read.
  const widgets = before.some((line) => line.includes("application/vnd.jupyter.widget-view+json"));
  const drawn = opened.page.locator(".jp-OutputArea-output .jupyter-widgets");
  const body = opened.page.locator(".jp-WindowedPanel-outer").first();
  const scroll = async (): Promise<number> => {
    // Back to the top at the end, since cells out of sight are not drawn.
    await body.evaluate((element) => {
      const atEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - 2;
      element.scrollTo(0, atEnd ? 0 : element.scrollTop + 900);
    });
    return drawn.count();
  };
  if (widgets) await expect.poll(scroll, { timeout: 30_000, message: "no saved widget was drawn" }).toBeGreaterThan(0);
  await opened.page.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))");
  expect(await opened.isChanged(), "marked as changed by being opened").toBe(false);
  await opened.save();
  const after = linesOf(join(lab.folder, name));
  const changed = after.flatMap((line, i) => (line === before[i] ? [] : [`line ${i + 1}: ${line.slice(0, 100)}`]));
  expect(changed.slice(0, 10)).toEqual([]);
  expect(after.length).toBe(before.length);
  await lab.close(opened);
});

test("untrusted, where no saved script runs: every plot is a picture", { timeout: 120_000 }, async () => {
  const path = join(lab.folder, "untrusted.ipynb");
  const notebook = JSON.parse(readFileSync(join(lab.folder, first), "utf8")) as { cells: object[] };
  notebook.cells.push({ cell_type: "markdown", id: "changed", metadata: {}, source: "Changed by somebody else." });
  writeFileSync(path, JSON.stringify(notebook));
  const opened = await lab.open("untrusted.ipynb");
  await opened.idle(60_000);
  expect(await figuresOf(opened, "first-untrusted")).toEqual({ pictures: figuresIn(opened.saved()), drawn: 0 });
  expect(opened.complaints).toEqual([]);
  await lab.close(opened);
});

test("Run All: every cell runs without an error, and the plots are drawn", { timeout: 420_000 }, async () => {
  const opened = await lab.open(first);
  const before = figuresIn(opened.saved());
  const cells = codeCells(await opened.runAll(360_000));
  for (const output of cells.flatMap((cell) => cell.outputs ?? []))
    expect(`${output.ename ?? ""}${output.evalue ?? ""}`).toBe("");
  expect(figuresIn(cells)).toBe(before);
  expect((await figuresOf(opened, "first-after-run")).drawn).toBe(before);
  expect(opened.complaints).toEqual([]);
  await lab.close(opened);
});
