/**
 * Widgets in JupyterLab, with the mouse: the second notebook is run, its slider dragged, and both the text and the figure follow while the
 * button is still down. Then the page is loaded again, and the slider still reaches its kernel.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Locator } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { folder as notebookFolder } from "../notebooks/notebook.js";
import { Lab, type NotebookPage } from "./lab.js";

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.start(notebookFolder);
}, 120_000);
afterAll(() => lab?.stop());

/** The cell whose code has `part`, scrolled into view. */
async function cellWith(opened: NotebookPage, part: string): Promise<Locator> {
  const cell = opened.page.locator(".jp-Notebook .jp-CodeCell", { hasText: part });
  const body = opened.page.locator(".jp-WindowedPanel-outer").first();
  await body.evaluate((element) => element.scrollTo(0, 0));
  // Cells out of sight are not on the page: looks from top to bottom, again and again until the test's timeout.
  while ((await cell.count()) === 0) {
    await body.evaluate((element) => {
      const end = element.scrollTop + element.clientHeight >= element.scrollHeight - 2;
      element.scrollTo(0, end ? 0 : element.scrollTop + 900);
      return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    });
  }
  await cell.scrollIntoViewIfNeeded();
  return cell;
}

/** What the cell shows: the figure's title and the text below the slider. */
const titleOf = (cell: Locator): Promise<string> => cell.locator(".js-plotly-plot .gtitle").textContent().then(String);
const textOf = (cell: Locator): Promise<string> => cell.locator(".widget-output").textContent().then(String);
const readoutOf = (cell: Locator): Promise<string> => cell.locator(".widget-readout").first().textContent().then(String);

async function until<T>(look: () => Promise<T>, good: (seen: T) => boolean, ms = 30_000): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const seen = await look();
    if (good(seen)) return seen;
    if (performance.now() > deadline) throw new Error(`not seen within ${ms / 1000} s; the last was ${JSON.stringify(seen)}`);
    await sleep(50);
  }
}

/** Presses the slider's handle and moves it to a share of its range, in small steps; the mouse button stays down. */
async function drag(opened: NotebookPage, cell: Locator, share: number): Promise<void> {
  const handle = (await cell.locator(".noUi-handle").first().boundingBox())!;
  const way = (await cell.locator(".noUi-base").first().boundingBox())!;
  const y = handle.y + handle.height / 2;
  await opened.page.mouse.move(handle.x + handle.width / 2, y);
  await opened.page.mouse.down();
  await opened.page.mouse.move(way.x + share * way.width, y, { steps: 25 });
}

test("the slider is dragged: text and figure follow, also after the page was loaded again", { timeout: 300_000 }, async () => {
  const opened = await lab.open("02-move-the-threshold.ipynb");
  // As saved: the slider and the text.
  const saved = await cellWith(opened, "const live = show");
  const untrusted = await saved.getByText("Run the cell to use them").count();
  expect(untrusted, "set-up trusts the notebooks that are as committed: is this one changed?").toBe(0);
  await saved.locator(".noUi-handle").waitFor();
  await until(
    () => textOf(saved),
    (text) => text.startsWith("Mirra woke up early"),
  );
  await opened.screenshot("widgets-as-it-comes");

  const cells = await opened.runAll(180_000);
  for (const output of cells.flatMap((cell) => cell.outputs ?? []))
    expect(`${output.ename ?? ""}${output.evalue ?? ""}`).toBe("");

  const cell = await cellWith(opened, "const live = show");
  const before = await until(
    () => textOf(cell),
    (text) => text.length > 150,
  );
  expect(before).toMatch(/^Mirra woke up early on Saturday\./);
  expect(await titleOf(cell)).toMatch(/^t = 0\.0: /);
  await opened.screenshot("widgets-before");

  await drag(opened, cell, 0.75);
  const title = await until(
    () => titleOf(cell),
    (seen) => /^t = (2\.9|3\.0|3\.1): /.test(seen),
  );
  const during = await until(
    () => textOf(cell),
    (text) => text.length > 60 && text !== before,
  );
  await opened.screenshot("widgets-during");
  await opened.page.mouse.up();
  expect(Number(/: ([\d.]+) %/.exec(title)![1])).toBeGreaterThan(97);
  expect(during).toMatch(/^Mirra woke up early on Saturday\./);
  expect(await readoutOf(cell)).toMatch(/^(2\.9|3\.0|3\.1)$/);

  // Back to the beginning: the same numbers give the same text.
  await drag(opened, cell, 0);
  await opened.page.mouse.up();
  await until(
    () => textOf(cell),
    (text) => text === before,
  );
  await until(
    () => titleOf(cell),
    (seen) => /^t = 0\.0: /.test(seen),
  );

  // The player counts, and the slider above follows through the kernel.
  const player = (await cellWith(opened, "const play = new Play")).locator(".widget-play button").first();
  await player.click();
  await until(
    () => readoutOf(cell),
    (seen) => seen !== "0.0",
  );
  await player.click();

  // A widget of its own, drawn from bytes.
  const lamps = await cellWith(opened, "const lamps = new AnyModel");
  await lamps.locator("canvas").waitFor();
  const lit = () =>
    lamps.locator("canvas").evaluate((canvas: HTMLCanvasElement) => {
      const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((value, i) => i % 4 === 0 && value > 60).length;
    });
  const atZero = await until(lit, (count) => count > 100);
  await drag(opened, lamps, 0.9);
  await opened.page.mouse.up();
  await until(lit, (count) => count > 0 && count < atZero / 4);
  await opened.screenshot("widgets-lamps");

  // The page is loaded again: the kernel still has the widgets.
  await opened.save();
  await opened.page.reload();
  await opened.page.locator(".jp-Notebook .jp-Cell").first().waitFor({ timeout: 60_000 });
  await opened.idle(60_000);
  const again = await cellWith(opened, "const live = show");
  await again.locator(".noUi-handle").first().waitFor({ timeout: 30_000 });
  await drag(opened, again, 0.75);
  await opened.page.mouse.up();
  await until(
    () => textOf(again),
    (text) => text.length > 60 && text !== before,
  );
  await opened.screenshot("widgets-loaded-again");
  expect(opened.complaints).toEqual([]);
  await lab.close(opened);
});

const source = `import { Button, Checkbox, Dropdown, HBox, HTML, IntSlider, Output, Text, VBox } from "sparselab/notebook";
const say = (name: string) => (value: unknown) => console.log(name, value);
const n = new IntSlider({ value: 2, max: 8, description: "whole" });
const kind = new Dropdown({ options: { "low t": 0.1, "high t": 2 }, description: "kind" });
const on = new Checkbox({ description: "on" });
const word = new Text({ description: "word" });
const html = new HTML({ value: "<b>bold</b>" });
const go = new Button({ description: "go", icon: "play", buttonStyle: "primary" });
const area = new Output();
n.observe(say("n")); kind.observe(say("kind")); on.observe(say("on")); word.observe(say("word"));
go.onClick(() => { html.value = "<i>clicked</i>"; area.capture(() => console.log("in the area", n.value)); });
new VBox([new HBox([n, kind]), on, word, html, go, area])`;

test("every control, by mouse and keyboard; a second view of a widget moves with the first", { timeout: 120_000 }, async () => {
  const kernelspec = { name: "sparselab", display_name: "sparselab", language: "typescript" };
  const cells = [source, "new HBox([n])", "'end'"].map((text, i) => ({
    cell_type: "code",
    id: `c${i}`,
    metadata: {},
    source: text,
    outputs: [],
    execution_count: null,
  }));
  writeFileSync(
    join(lab.folder, "controls.ipynb"),
    JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: { kernelspec }, cells }),
  );
  const opened = await lab.open("controls.ipynb");
  await opened.runAll(60_000);
  const cell = await cellWith(opened, "const say");
  const heard = (text: string) =>
    cell.locator(".jp-OutputArea-output pre", { hasText: text }).first().waitFor({ timeout: 10_000 });
  await cell.locator("select").selectOption("high t");
  await heard("kind 2");
  await cell.locator("input[type=checkbox]").check();
  await heard("on true");
  await cell.locator("input[type=text]").pressSequentially("hi");
  await heard("word hi");
  await drag(opened, cell, 1);
  await opened.page.mouse.up();
  await heard("n 8");
  const second = opened.page.locator(".jp-Notebook .jp-CodeCell").nth(1);
  await until(
    () => readoutOf(second),
    (seen) => seen === "8",
  );
  await second.locator(".noUi-handle").focus();
  await opened.page.keyboard.press("ArrowLeft");
  await heard("n 7");
  await until(
    () => readoutOf(cell),
    (seen) => seen === "7",
  );
  await cell.getByRole("button", { name: "go" }).click();
  await cell.locator(".widget-html i", { hasText: "clicked" }).waitFor();
  await cell.locator(".widget-output", { hasText: "in the area 7" }).waitFor();
  await opened.screenshot("widgets-controls");
  expect(opened.complaints).toEqual([]);
  await lab.close(opened);
});

/** The widgets that a notebook was saved with, by their ids. */
function widgetsOf(name: string): Record<string, unknown> {
  const { metadata } = JSON.parse(readFileSync(join(lab.folder, name), "utf8")) as {
    metadata: { widgets?: { "application/vnd.jupyter.widget-state+json"?: { state: Record<string, unknown> } } };
  };
  return metadata.widgets?.["application/vnd.jupyter.widget-state+json"]?.state ?? {};
}

/** A notebook of these cells, in the folder of the server. */
function writeCells(name: string, ...sources: string[]): void {
  const kernelspec = { name: "sparselab", display_name: "sparselab", language: "typescript" };
  const cells = sources.map((text, i) => ({
    cell_type: "code",
    id: `c${i}`,
    metadata: {},
    source: text,
    outputs: [],
    execution_count: null,
  }));
  writeFileSync(join(lab.folder, name), JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: { kernelspec }, cells }));
}

const returned = `import { interact, slider } from "sparselab/notebook"; import { plot } from "sparselab";
interact(({ t }) => { const f: any = plot.pareto([], "kl"); f.layout.title = { text: "at t = " + t.toFixed(1) }; return f }, { t: slider(0, 10, { step: 0.1 }) })`;

test("a function that returns a figure: one figure, which follows the slider", { timeout: 120_000 }, async () => {
  writeCells("returned.ipynb", returned, "'end'");
  const opened = await lab.open("returned.ipynb");
  await opened.runAll(60_000);
  const cell = await cellWith(opened, "at t =");
  const title = (): Promise<string> => cell.locator(".js-plotly-plot .gtitle").first().textContent().then(String);
  await until(title, (seen) => seen === "at t = 0.0");
  await drag(opened, cell, 0.5);
  // The button is still down.
  await until(title, (seen) => /^at t = (4\.9|5\.0|5\.1)$/.test(seen));
  expect(await cell.locator(".js-plotly-plot").count()).toBe(1);
  await drag(opened, cell, 1);
  await opened.page.mouse.up();
  await until(title, (seen) => seen === "at t = 10.0");
  expect(await cell.locator(".widget-output .jp-OutputArea-child").count()).toBe(1);
  expect(await cell.locator(".js-plotly-plot").count()).toBe(1);
  await opened.screenshot("widgets-returned-figure");
  expect(opened.complaints).toEqual([]);
  await lab.close(opened);
});

test("opened again after a shutdown, every saved widget shows its value", { timeout: 120_000 }, async () => {
  writeCells("saved-widgets.ipynb", source, "new HBox([n])", returned);
  const opened = await lab.open("saved-widgets.ipynb");
  await opened.runAll(60_000);
  const cell = await cellWith(opened, "const say");
  await cell.locator("select").selectOption("high t");
  await cell.locator("input[type=checkbox]").check();
  await cell.locator("input[type=text]").fill("kept");
  await drag(opened, cell, 0.5);
  await opened.page.mouse.up();
  await cell.getByRole("button", { name: "go" }).click();
  await cell.locator(".widget-output", { hasText: "in the area 4" }).waitFor();
  await opened.save();
  await lab.close(opened);

  const again = await lab.open("saved-widgets.ipynb");
  const first = await cellWith(again, "const say");
  await until(
    () => readoutOf(first),
    (seen) => seen === "4",
  );
  expect(await first.locator("select").inputValue()).toBe("high t");
  expect(await first.locator("input[type=checkbox]").isChecked()).toBe(true);
  expect(await first.locator("input[type=text]").inputValue()).toBe("kept");
  await first.locator(".widget-html i", { hasText: "clicked" }).waitFor();
  await first.locator(".widget-output", { hasText: "in the area 4" }).waitFor();
  const second = again.page.locator(".jp-Notebook .jp-CodeCell").nth(1);
  await until(
    () => readoutOf(second),
    (seen) => seen === "4",
  );
  const third = await cellWith(again, "at t =");
  await third.locator(".noUi-handle").first().waitFor();
  await third.locator(".widget-output").getByText("at t = 0.0").first().waitFor();
  await again.screenshot("widgets-opened-again");
  expect(await again.page.getByText(/model not found/i).count()).toBe(0);

  // A save without the widgets' kernel keeps them, also those that an output area or another widget holds.
  const state = (): Record<string, unknown> => widgetsOf("saved-widgets.ipynb");
  const before = state();
  expect(Object.keys(before).length).toBeGreaterThan(20);
  expect(await again.isChanged()).toBe(false);
  await again.save();
  const after = state();
  expect(Object.entries(after)).toEqual(Object.entries(before).filter(([id]) => Object.hasOwn(after, id)));
  // Widgets that no output shows any more are not kept.
  expect(Object.keys(after).length).toBeGreaterThan(0.8 * Object.keys(before).length);

  // A save after a restart of the kernel keeps them, too, with the changes since the last save.
  await again.runAll(60_000);
  const rerun = await cellWith(again, "const say");
  await rerun.locator("input[type=text]").fill("before the restart");
  await again.menu("Kernel", "Restart Kernel…");
  const restarted = again.page.waitForResponse((response) => response.url().includes("/restart"));
  await again.page.locator(".jp-Dialog button", { hasText: "Restart" }).click();
  await restarted;
  await again.idle(60_000);
  await again.save();
  expect(JSON.stringify(state())).toContain("before the restart");

  await again.menu("Edit", "Clear Outputs of All Cells");
  await again.save();
  expect(state()).toEqual({});
  await lab.close(again);
});
