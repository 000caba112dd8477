import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JSDOM } from "jsdom";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { displaySymbol } from "../display.js";
import { pareto } from "./pareto.js";
import { samplePoints } from "./sample.js";
import { fakeNotebook } from "./sample-notebook.js";

const figure = pareto(samplePoints(), "perplexity");

describe("a figure saves itself", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "figure-"));
  });
  afterEach(() => rm(folder, { recursive: true }));
  const saved = async (name: string) => {
    await figure.save(join(folder, name));
    return readFile(join(folder, name));
  };

  it("as data, picture and page", async () => {
    expect(JSON.parse((await saved("a.json")).toString())).toEqual({ data: figure.data, layout: figure.layout });
    expect((await saved("missing/folder/a.svg")).toString()).toMatch(/^<svg /);
    expect((await saved("a.svg")).toString()).toMatch(/^<svg /);
    expect([...(await saved("a.png")).subarray(0, 4)]).toEqual([0x89, 0x50, 0x4e, 0x47]);
  });

  it("as a page that holds the library and draws the figure", async () => {
    const page = (await saved("a.html")).toString();
    expect(page).not.toMatch(/<script[^>]+src=/);
    expect(page).toContain("plotly.js (cartesian - minified) v4.1.1");
    const { document } = new JSDOM(page).window;
    expect(document.title).toBe("Sparsity against perplexity");
    expect(document.querySelectorAll("script")[1]!.textContent).toMatch(/Plotly\.newPlot\("figure"/);
  });

  it("and refuses other endings", async () => {
    await expect(figure.save("a.pgn")).rejects.toThrow(/"\.pgn".*Did you mean "\.png"/);
    await expect(figure.save("figure")).rejects.toThrow(/Known: \.html, \.svg, \.png, \.json/);
  });
});

describe("a figure as a cell's last value", () => {
  it("brings every form, its picture in the page's html too", async () => {
    const bundle = await figure[displaySymbol]();
    expect(Object.keys(bundle)).toEqual(["application/vnd.plotly.v1+json", "text/html", "image/png", "text/plain"]);
    expect(bundle["text/plain"]).toMatch(/^Sparsity against perplexity: up to t = 1\.5/);
    expect(bundle["application/vnd.plotly.v1+json"]).toMatchObject({ config: { showSendToCloud: false } });
    const html = bundle["text/html"] as string;
    expect(html).toContain('src="data:image/svg+xml;base64,');
    // No notebook took the library, so the figure carries it.
    expect(html.length).toBeGreaterThan(500_000);
  });

  it("sends the library once for each cell, in an output of its own", async () => {
    const book = fakeNotebook();
    try {
      const [first] = [await figure[displaySymbol](), await figure[displaySymbol]()];
      expect((first["text/html"] as string).length).toBeLessThan(100_000);
      expect(book.sent).toHaveLength(1);
      expect((book.sent[0]!.bundle["text/html"] as string).length).toBeGreaterThan(500_000);
      book.nextCell();
      await figure[displaySymbol]();
      expect(book.sent).toHaveLength(2);
    } finally {
      book.remove();
    }
  });

  it("holds no text that could end its script", async () => {
    const nasty = pareto(
      samplePoints().map((point) => ({ ...point, provenance: { ...point.provenance, model: "</script><img src=x>" } })),
      "perplexity",
    );
    const html = (await nasty[displaySymbol]())["text/html"] as string;
    const { document } = new JSDOM(html).window;
    expect(document.querySelectorAll("img")).toHaveLength(1);
    expect(document.querySelectorAll("script")).toHaveLength(2);
  });
});
