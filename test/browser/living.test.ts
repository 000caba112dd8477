/**
 * A notebook in use in JupyterLab: completion by Tab, a plot, restart-and-run-all, saved and opened again trusted and untrusted; and the same
 * notebook as a page of nbconvert, without a network.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runModule } from "../frontends/jupyter.js";
import { writeNotebook } from "../support/notebook.js";
import { Lab, type NotebookPage } from "./lab.js";

const name = "living.ipynb";
let source: string;
let lab: Lab;
beforeAll(async () => {
  source = mkdtempSync(join(tmpdir(), "sparselab-living-"));
  writeNotebook(
    source,
    name,
    // Each engine has another number: after a restart the old one must be gone.
    'let engine: number = process.pid;\nconsole.log("engine", engine);',
    'import { show } from "sparselab";\nshow({ data: [{ x: [1, 2, 3], y: [2, 1, 3], type: "bar" }], layout: { title: { text: "bars" } } });',
    'const speech = { whisper: 1, whistle: 2 };\nconsole.log("last", Object.keys(speech).length);',
    "",
  );
  lab = await Lab.start(source);
}, 120_000);
afterAll(async () => {
  await lab?.stop();
  rmSync(source, { recursive: true, force: true });
});

/** Waits for the kernel's idle status; the notebook's own indicator shows idle before there is a kernel. */
const connected = (opened: NotebookPage) =>
  opened.page.locator("#jp-main-statusbar", { hasText: "sparselab (TypeScript) | Idle" }).waitFor({ timeout: 60_000 });
const cells = ({ page }: NotebookPage) => page.locator(".jp-Notebook .jp-CodeCell");
const engineOf = (opened: NotebookPage): number => {
  const output = opened.saved()[0]?.outputs?.[0]?.text;
  return Number(/engine (\d+)/.exec([output].flat().join(""))?.[1]);
};
/** Restarts the kernel by the menu, runs every cell, and waits until the last one with code has printed. */
async function restartAndRunAll(opened: NotebookPage): Promise<void> {
  await opened.menu("Edit", "Clear Outputs of All Cells");
  await opened.menu("Kernel", "Restart Kernel and Run All Cells…");
  await opened.page.locator(".jp-Dialog .jp-mod-accept").click();
  await cells(opened).nth(2).locator(".jp-OutputArea-output", { hasText: "last 2" }).waitFor({ timeout: 60_000 });
  await connected(opened);
  await opened.save();
}
const plot = (opened: NotebookPage) => cells(opened).nth(1).locator(".js-plotly-plot .main-svg").first();
const picture = (opened: NotebookPage) => cells(opened).nth(1).locator('.jp-OutputArea-output img[src^="data:image/svg+xml"]');

test("restart-and-run-all, Tab, and the notebook opened again", { timeout: 240_000 }, async () => {
  const opened = await lab.open(name);
  await connected(opened);

  await restartAndRunAll(opened);
  await plot(opened).waitFor({ timeout: 30_000 });
  const first = engineOf(opened);
  expect(first).toBeGreaterThan(0);
  await restartAndRunAll(opened);
  expect(engineOf(opened)).not.toBe(first);
  expect(opened.saved().map((cell) => cell.execution_count)).toEqual([1, 2, 3, null]);
  expect(opened.saved().flatMap((cell) => cell.outputs?.filter((output) => output.output_type === "error") ?? [])).toEqual([]);

  // The popup shows the members of a variable of an earlier cell, each with its kind.
  const editor = cells(opened).nth(3).locator(".cm-content");
  await editor.click();
  await opened.page.keyboard.type("speech.");
  await opened.page.keyboard.press("Tab");
  const popup = opened.page.locator(".jp-Completer:not(.lm-mod-hidden)");
  await popup.locator(".jp-Completer-item", { hasText: "whisper" }).waitFor({ timeout: 30_000 });
  expect(await popup.locator(".jp-Completer-item .jp-Completer-match").allTextContents()).toEqual(["whisper", "whistle"]);
  await opened.screenshot("living-completion");
  await opened.page.keyboard.press("ArrowDown");
  await opened.page.keyboard.press("Enter");
  await expect.poll(() => editor.textContent(), { timeout: 30_000 }).toContain("speech.whistle");
  await opened.save();
  expect(opened.complaints).toEqual([]);
  await lab.close(opened);

  const again = await lab.open(name);
  await connected(again);
  await plot(again).waitFor({ timeout: 30_000 });
  await again.screenshot("living-trusted");
  expect(again.complaints).toEqual([]);
  await lab.close(again);

  const notebook = JSON.parse(readFileSync(join(lab.folder, name), "utf8")) as { cells: { source: string }[] };
  notebook.cells[3]!.source = "// changed by somebody else";
  // Changed outputs, which are not signed here.
  writeFileSync(join(lab.folder, "untrusted.ipynb"), JSON.stringify(notebook));
  const untrusted = await lab.open("untrusted.ipynb");
  await connected(untrusted);
  await picture(untrusted).waitFor({ timeout: 30_000 });
  expect((await picture(untrusted).boundingBox())?.width).toBeGreaterThan(200);
  expect(await untrusted.page.evaluate(`document.querySelector('img[src^="data:image/svg+xml"]').naturalWidth`)).toBeGreaterThan(
    200,
  );
  expect(await untrusted.page.locator(".js-plotly-plot").count()).toBe(0);
  await untrusted.screenshot("living-untrusted");
  expect(untrusted.complaints).toEqual([]);
  await lab.close(untrusted);
});

test("as a page of nbconvert, without a network: drawn by its script, or a picture without scripts", {
  timeout: 120_000,
}, async () => {
  const { code, err } = await runModule("nbconvert", join(lab.folder, name), "--to", "html", "--output-dir", source);
  expect(code, err).toBe(0);
  const address = pathToFileURL(join(source, "living.html")).href;
  const opened = await lab.open(name);
  const browser = opened.page.context().browser()!;
  try {
    for (const javaScriptEnabled of [true, false]) {
      const context = await browser.newContext({ viewport: { width: 1100, height: 900 }, javaScriptEnabled });
      await context.route(/^(?!file:|data:|blob:)/, (route) => route.abort());
      const page = await context.newPage();
      const thrown: string[] = [];
      page.on("pageerror", (error) => thrown.push(error.message));
      await page.goto(address, { waitUntil: "domcontentloaded" });
      if (javaScriptEnabled) await page.locator(".js-plotly-plot .main-svg").first().waitFor({ timeout: 30_000 });
      else await page.locator('img[src^="data:image/svg+xml"]').waitFor({ timeout: 30_000 });
      await page.screenshot({
        path: join(import.meta.dirname, "..", "output", `living-page-${javaScriptEnabled ? "script" : "plain"}.png`),
      });
      expect(thrown).toEqual([]);
      await context.close();
    }
  } finally {
    await lab.close(opened);
  }
});
