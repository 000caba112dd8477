/** The stop button of JupyterLab: a running cell ends at once with an error, and the notebook's variables live on. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Lab } from "./lab.js";

const cell = (id: string, source: string) => ({
  cell_type: "code",
  id,
  metadata: {},
  source,
  outputs: [],
  execution_count: null,
});
const notebook = {
  nbformat: 4,
  nbformat_minor: 5,
  metadata: { kernelspec: { name: "sparselab", display_name: "sparselab", language: "typescript" } },
  cells: [
    cell("a", "let kept = 41;"),
    cell("b", 'console.log("begun"); await new Promise((resolve) => setTimeout(resolve, 120_000));'),
    cell("c", 'console.log("begun"); for (;;) kept = 42;'),
    cell("d", 'console.log("kept", kept);'),
  ],
};

let source: string;
let lab: Lab;
beforeAll(async () => {
  source = mkdtempSync(join(tmpdir(), "sparselab-stop-"));
  writeFileSync(join(source, "stop.ipynb"), JSON.stringify(notebook));
  lab = await Lab.start(source);
}, 120_000);
afterAll(async () => {
  await lab?.stop();
  rmSync(source, { recursive: true, force: true });
});

test("the stop button ends a waiting cell and a busy loop, and keeps the variables", { timeout: 240_000 }, async () => {
  const opened = await lab.open("stop.ipynb");
  const { page } = opened;
  await opened.idle(60_000);
  const cells = page.locator(".jp-Notebook .jp-CodeCell");
  // A key pressed while the page still connects to the kernel is lost: it is pressed again until the cell shows [*] or [1].
  const runCell = async (index: number) => {
    const prompt = cells.nth(index).locator(".jp-InputPrompt");
    for (let tries = 0; tries < 5; tries++) {
      await prompt.click();
      await page.keyboard.press("Control+Enter");
      const taken = prompt.filter({ hasText: /\[(\*|\d+)\]/ }).waitFor({ timeout: 5000 });
      if (
        await taken.then(
          () => true,
          () => false,
        )
      )
        return;
    }
    throw new Error(`cell ${index} does not run`);
  };
  await runCell(0);
  await opened.idle(60_000);
  for (const index of [1, 2]) {
    await runCell(index);
    await cells.nth(index).locator(".jp-OutputArea-output", { hasText: "begun" }).waitFor({ timeout: 60_000 });
    await page.getByRole("button", { name: /Interrupt the kernel/ }).click();
    await opened.idle(60_000);
  }
  await runCell(3);
  await cells.nth(3).locator(".jp-OutputArea-output", { hasText: "kept 42" }).waitFor({ timeout: 60_000 });
  await opened.screenshot("stop");
  const saved = await opened.save();
  for (const index of [1, 2]) expect(saved[index]?.outputs?.map((output) => output.output_type)).toEqual(["stream", "error"]);
  expect(opened.complaints).toEqual([]);
});
