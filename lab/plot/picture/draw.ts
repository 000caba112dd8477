/**
 * Draws a plotly figure without a browser: plotly itself runs in jsdom, with a real canvas behind it for heat maps and for the width
 * of text. The pictures are for pages that run no scripts (an untrusted notebook, GitHub, a paper). Loaded lazily: jsdom, plotly and
 * the canvas take half a second and 100 MB, which a session without plots does not need.
 *
 * The same figure gives the same SVG: plotly's random ids are drawn from a seeded generator.
 */
import { readFileSync } from "node:fs";
import type { Canvas, SKRSContext2D } from "@napi-rs/canvas";
import { libraryPath } from "../library.js";
import { ownBox, pageBox, type SvgElement } from "./boxes.js";

/** `json` holds {data, layout}; width and height in CSS pixels. */
export interface Drawing {
  readonly json: string;
  readonly width: number;
  readonly height: number;
}
/** The picture as an SVG document, and as a PNG of `pixelRatio` device pixels for one CSS pixel. */
export interface Picture {
  readonly svg: string;
  readonly png: Uint8Array;
  readonly width: number;
  readonly height: number;
}
export const pixelRatio = 2;

interface PlotlyImage {
  toImage(figure: unknown, options: { format: "svg"; imageDataOnly: true; width: number; height: number }): Promise<string>;
}
/** The parts of jsdom's window that are used here. */
interface DrawingWindow {
  eval(code: string): unknown;
  JSON: JSON;
  Plotly: PlotlyImage;
  URL: { createObjectURL?: () => string };
  matchMedia: unknown;
  HTMLCanvasElement: { prototype: object };
  SVGElement: { prototype: object };
}

let ready: Promise<DrawingWindow> | undefined;

export async function draw({ json, width, height }: Drawing): Promise<Picture> {
  ready ??= openWindow();
  const window = await ready;
  window.eval("Math.random = __seeded()");
  const figure = window.JSON.parse(json);
  const svg = linesInPixels(await window.Plotly.toImage(figure, { format: "svg", imageDataOnly: true, width, height }));
  return { svg, png: await rasterise(svg, width, height), width, height };
}

/** The lines of a text are spaced by `dy` in em, which the rasteriser ignores: adds it to `y`. */
function linesInPixels(svg: string): string {
  return svg.replace(/<text [^>]*font-size: ([\d.]+)px.*?<\/text>/gs, (text, size: string) =>
    text.replace(
      /dy="([\d.]+)em" x="([-\d.]+)" y="([-\d.]+)"/g,
      (_, dy: string, x: string, y: string) =>
        `x="${x}" y="${Math.round(1000 * (Number(y) + Number(dy) * Number(size))) / 1000}"`,
    ),
  );
}

async function rasterise(svg: string, width: number, height: number): Promise<Uint8Array> {
  const { createCanvas, loadImage } = await import("@napi-rs/canvas");
  const canvas = createCanvas(width * pixelRatio, height * pixelRatio);
  canvas.getContext("2d").drawImage(await loadImage(Buffer.from(svg)), 0, 0, canvas.width, canvas.height);
  return canvas.encode("png");
}

async function openWindow(): Promise<DrawingWindow> {
  const [{ JSDOM }, { createCanvas }] = await Promise.all([import("jsdom"), import("@napi-rs/canvas")]);
  const dom = new JSDOM("<!doctype html><body></body>", { runScripts: "outside-only", pretendToBeVisual: true });
  const window = dom.window as unknown as DrawingWindow;
  window.URL.createObjectURL = () => "blob:none";
  window.matchMedia = () => ({ matches: false, addListener() {}, addEventListener() {} });
  standInForCanvas(window, createCanvas);
  standInForLayout(window, createCanvas(1, 1).getContext("2d"));
  window.eval(
    "var __seeded = function () { var s = 1; return function () { s = (s * 48271) % 2147483647; return s / 2147483647 } }",
  );
  window.eval(readFileSync(libraryPath(), "utf8"));
  return window;
}

type CreateCanvas = (width: number, height: number) => Canvas;

/** jsdom's canvas draws nothing; plotly paints a heat map's cells on one and embeds it as a PNG. */
function standInForCanvas(window: DrawingWindow, createCanvas: CreateCanvas): void {
  const canvases = new WeakMap<object, Canvas>();
  const behind = (element: { readonly width: number; readonly height: number }): Canvas => {
    const known = canvases.get(element);
    if (known && known.width === element.width && known.height === element.height) return known;
    const made = createCanvas(element.width, element.height);
    canvases.set(element, made);
    return made;
  };
  Object.assign(window.HTMLCanvasElement.prototype, {
    getContext(this: HTMLCanvasLike, kind: string) {
      return kind === "2d" ? behind(this).getContext("2d") : null;
    },
    toDataURL(this: HTMLCanvasLike) {
      return behind(this).toDataURL("image/png");
    },
  });
}
interface HTMLCanvasLike {
  readonly width: number;
  readonly height: number;
}

/** jsdom has no layout, so its boxes are empty: boxes.ts computes them. */
function standInForLayout(window: DrawingWindow, context: SKRSContext2D): void {
  const measure = (text: string, font: string) => {
    context.font = font;
    return context.measureText(text).width;
  };
  Object.assign(window.SVGElement.prototype, {
    getBBox(this: SvgElement) {
      return ownBox(this, measure);
    },
    getBoundingClientRect(this: SvgElement) {
      const box = pageBox(this, measure);
      return { ...box, left: box.x, top: box.y, right: box.x + box.width, bottom: box.y + box.height };
    },
    getComputedTextLength(this: SvgElement) {
      return ownBox(this, measure).width;
    },
  });
}
