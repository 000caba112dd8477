/** nbconvert without a network: a page whose figures are self-contained, and a script of the cells. test/browser opens the page in a browser. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeCells, figures, folder as notebookFolder, notebooks, read } from "../notebooks/notebook.js";
import { writeNotebook } from "../support/notebook.js";
import { askedFor, runModule } from "./jupyter.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sparselab-nbconvert-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const convert = async (path: string, ...options: string[]) => {
  const { code, err } = await runModule("nbconvert", path, "--output-dir", folder, ...options);
  expect(code, err).toBe(0);
};

test.each(notebooks)("%s as a page: every figure with its picture and its script", { timeout: 120_000 }, async (name) => {
  await convert(join(notebookFolder, name), "--to", "html", "--template", "basic");
  const html = readFileSync(join(folder, name.replace(/\.ipynb$/, ".html")), "utf8");
  const saved = read(join(notebookFolder, name));
  const shown = html.match(/<div id="figure-[^>]*>\s*<img [^>]*src="data:image\/svg\+xml;base64,[A-Za-z0-9+/]{500}/g) ?? [];
  expect(shown.length).toBe(figures(saved).length);
  // The template "basic" is the notebook alone, without the page around it: its figures fetch nothing.
  expect(askedFor(html)).toEqual([]);
  expect(html.match(/DecompressionStream/g)?.length ?? 0).toBe(
    codeCells(saved).filter((cell) => cell.outputs?.some(({ data }) => data?.["application/vnd.plotly.v1+json"] !== undefined))
      .length,
  );
});

test("a notebook without outputs is run and becomes a page", { timeout: 120_000 }, async () => {
  const path = writeNotebook(
    folder,
    "new.ipynb",
    "const base: number = 40;",
    "base + 2",
    'display({ "text/html": "<b>bold</b>" }, { raw: true })',
  );
  await convert(path, "--to", "html", "--execute");
  const html = readFileSync(join(folder, "new.html"), "utf8");
  expect(html).toContain("<pre>42</pre>");
  expect(html).toContain("<b>bold</b>");
});

test("a script of the cells is TypeScript", { timeout: 120_000 }, async () => {
  const path = writeNotebook(folder, "script.ipynb", "const a: number = 1;", "console.log(a);");
  const notebook = JSON.parse(readFileSync(path, "utf8"));
  await convert(path, "--to", "notebook", "--execute", "--output", "run.ipynb");
  // The saved language_info of the kernel decides the file's ending.
  expect(read(join(folder, "run.ipynb")).metadata).toMatchObject({
    language_info: { name: "typescript", file_extension: ".ts" },
  });
  expect(notebook.metadata.language_info).toBeUndefined();
  await convert(join(folder, "run.ipynb"), "--to", "script");
  expect(readFileSync(join(folder, "run.ts"), "utf8")).toMatch(/const a: number = 1;[\s\S]*console\.log\(a\);/);
});

describe("askedFor", () => {
  test.each([
    ['<script src="https://cdn.example/x.js"></script>', "https://cdn.example/x.js"],
    ["<img alt=a src='//a.example/b.png'>", "//a.example/b.png"],
    ['<link rel="stylesheet" href="https://c.example/d.css">', "https://c.example/d.css"],
    ['<script>import("https://e.example/f.mjs")</script>', "https://e.example/f.mjs"],
    ['<script type=module>import g from "https://g.example/h.mjs"</script>', "https://g.example/h.mjs"],
    ['<script>s.src = "https://i.example/j.js"</script>', "https://i.example/j.js"],
    ["<style>@import url(https://k.example/l.css)</style>", "https://k.example/l.css"],
  ])("%s", (html, address) => {
    expect(askedFor(html)).toContain(address);
  });
  test("leaves links, vocabularies and what travels inside alone", () => {
    const html =
      '<a href="https://x.example">x</a><svg xmlns="http://www.w3.org/2000/svg"></svg><img src="data:image/png;base64,AA">';
    expect(askedFor(html)).toEqual([]);
  });
});
