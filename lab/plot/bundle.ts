/**
 * A figure as a MIME bundle: it draws offline in JupyterLab, Notebook, VS Code and nbconvert's pages, and leaves a static picture where
 * scripts do not run (an untrusted notebook, GitHub). The html has the picture, and a script that waits for a page-wide promise of the
 * library. The library is in a separate output, so that re-running, deleting or updating a figure never removes it for the others.
 */
import { randomUUID } from "node:crypto";
import type { MimeBundle } from "../display.js";
import { libraryGzipBase64, librarySource, libraryVersion } from "./library.js";
import type { Picture } from "./picture/picture.js";
import { config } from "./style.js";

export interface FigureData {
  readonly data: readonly object[];
  readonly layout: object;
}
interface BundleOptions {
  readonly picture?: Picture;
  /** An update with the same key moves the drawn figure into the new output instead of drawing a new one: it keeps its zoom and does not flicker. */
  readonly key?: string;
  /** Puts the library into this figure, for a front end without a separate output. */
  readonly embed?: boolean;
}

export function figureBundle(figure: FigureData, { picture, key, embed }: BundleOptions = {}): MimeBundle {
  return {
    "application/vnd.plotly.v1+json": { data: figure.data, layout: figure.layout, config },
    "text/html": figureHtml(figure, picture, key) + (embed ? libraryScript() : ""),
    ...(picture ? { "image/png": Buffer.from(picture.png).toString("base64") } : {}),
    "text/plain": figureText(figure),
  };
}

/** The output with the library: sent once for each cell that draws, before its first figure. */
export function libraryBundle(): MimeBundle {
  return { "text/html": libraryScript(), "text/plain": `plotly.js ${libraryVersion()}, for the figures below` };
}

/** A whole page: the library, and the figure. */
export function figurePage(figure: FigureData): string {
  const { title } = titles(figure);
  const library = librarySource().replace(/<\/script/gi, "<\\/script");
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<style>body{margin:0 auto;padding:1rem;max-width:1100px;background:#fff}</style></head>
<body><div id="figure"></div>
<script>${library}</script>
<script>var f=${scriptJson({ ...figure, config })};Plotly.newPlot("figure",f.data,f.layout,f.config)</script>
</body></html>
`;
}

/** `Sparsity against perplexity: up to t = 1.5 ...`, the figure where only text is shown. */
export function figureText(figure: FigureData): string {
  const { title, subtitle } = titles(figure);
  return subtitle ? `${title}: ${subtitle}` : title;
}

// The page-wide promise of the library, and the drawn figures by key.
const page = `var W=window,L=W.__sparselabPlotly;if(!L){L=W.__sparselabPlotly={drawn:{}};L.ready=new Promise(function(r){L.resolve=r})}`;

function figureHtml(figure: FigureData, picture: Picture | undefined, key: string | undefined): string {
  const id = `figure-${randomUUID().slice(0, 13)}`;
  const { height } = figure.layout as { height?: number };
  const image = picture
    ? `<img alt="${escapeHtml(figureText(figure))}" style="max-width:100%" src="data:image/svg+xml;base64,${Buffer.from(picture.svg).toString("base64")}">`
    : "";
  // A front end may run the script before the output is on the page, so the script looks for its element for some frames.
  return `<div id="${id}" style="min-height:${height ?? 450}px">${image}</div><script>(function(){${page}
var f=${scriptJson({ data: figure.data, layout: figure.layout, config })},k=${JSON.stringify(key ?? id)},tries=300;
function place(P){var host=document.getElementById("${id}");if(!host){if(tries-->0)requestAnimationFrame(function(){place(P)});return}
var d=L.drawn[k];if(d&&!d.isConnected){host.replaceChildren(d);P.react(d,f.data,f.layout,f.config)}
else{d=document.createElement("div");host.replaceChildren(d);L.drawn[k]=d;P.newPlot(d,f.data,f.layout,f.config)}}
L.ready.then(place)})()</script>`;
}

function libraryScript(): string {
  return `<script>(function(){${page}
if(L.started)return;L.started=1;(async function(){
var b=Uint8Array.from(atob("${libraryGzipBase64()}"),function(c){return c.charCodeAt(0)});
var s=await new Response(new Blob([b]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
var m={exports:{}};new Function("module","exports","define",s)(m,m.exports,undefined);L.resolve(m.exports)})().catch(console.error)})()</script>`;
}

function titles({ layout }: FigureData): { title: string; subtitle: string } {
  const { title } = layout as { title?: { text?: unknown; subtitle?: { text?: unknown } } };
  const titleText = (given: unknown, otherwise: string) => plain(typeof given === "string" ? given : otherwise);
  return { title: titleText(title?.text, "figure"), subtitle: titleText(title?.subtitle?.text, "") };
}
/** Removes the HTML that plotly uses in titles. */
function plain(text: string): string {
  return text
    .replace(/<\/?(b|i|br)>/g, "")
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&amp;/g, "&");
}
function escapeHtml(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}
/** JSON for use inside a script element: without "<", so that no text can end the element. */
function scriptJson(value: unknown): string {
  return JSON.stringify(value)
    .replace(/</g, "\\u003c")
    .replace(/\u2028/g, "\\u2028")
    .replace(/\u2029/g, "\\u2029");
}
