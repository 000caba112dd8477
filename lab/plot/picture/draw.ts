/**
 * Draws a plotly figure without a browser: plotly itself runs in jsdom, with a real canvas behind it for heat maps and for the width
 * of text. It serves pictures for pages that run no script (an untrusted notebook, GitHub, a paper). Loaded lazily: jsdom, plotly and
 * the canvas take half a second and 100 MB, which a session without plots never pays.
 *
 * The same figure gives the same SVG: plotly's random ids are drawn from a seeded generator.
 */
import { readFileSync } from "node:fs";
import type { Canvas, SKRSContext2D } from "@napi-rs/canvas";
import { libraryPath } from "../library.js";

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
/** What of jsdom's window is used here. */
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
  const svg = await window.Plotly.toImage(figure, { format: "svg", imageDataOnly: true, width, height });
  return { svg, png: await rasterise(svg, width, height), width, height };
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

/** jsdom lays nothing out: every box it gives is empty. Legends and margins need the size of a text, measured here in its own font. */
function standInForLayout(window: DrawingWindow, context: SKRSContext2D): void {
  const box = (element: TextLike) => {
    const { width, lines, size } = textSize(element, context);
    const height = lines * 1.3 * size;
    return { x: 0, y: -size, left: 0, top: -size, right: width, bottom: height - size, width, height };
  };
  Object.assign(window.SVGElement.prototype, {
    getBBox(this: TextLike) {
      return box(this);
    },
    getBoundingClientRect(this: TextLike) {
      return box(this);
    },
    getComputedTextLength(this: TextLike) {
      return box(this).width;
    },
  });
}

interface TextLike {
  readonly tagName: string;
  readonly textContent: string | null;
  readonly style: { readonly fontSize: string; readonly fontFamily: string; readonly fontWeight: string };
  readonly parentElement: TextLike | null;
  querySelectorAll(selector: string): ArrayLike<TextLike>;
}

function textSize(element: TextLike, context: SKRSContext2D): { width: number; lines: number; size: number } {
  const text = element.tagName === "text" || element.tagName === "tspan" ? element : element.querySelectorAll("text")[0];
  if (!text?.textContent) return { width: 0, lines: 0, size: 0 };
  const size = Number.parseFloat(styleOf(text, "fontSize")) || 12;
  context.font = `${styleOf(text, "fontWeight") || "normal"} ${size}px ${styleOf(text, "fontFamily") || "sans-serif"}`;
  const tspans = Array.from(text.querySelectorAll("tspan.line"), (line) => line.textContent ?? "");
  const lines = tspans.length > 0 ? tspans : [text.textContent];
  return { width: Math.max(...lines.map((line) => context.measureText(line).width)), lines: lines.length, size };
}

function styleOf(element: TextLike, name: keyof TextLike["style"]): string {
  for (let at: TextLike | null = element; at; at = at.parentElement) {
    const value = at.style?.[name];
    if (value) return value;
  }
  return "";
}
