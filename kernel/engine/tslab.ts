/**
 * `import * as tslab from "tslab"` in a cell: tslab's public interface on top of this kernel's display, so that its notebooks run unchanged.
 * (The package's own module needs tslab's kernel.)
 */
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { engine } from "./shared.js";

const require = createRequire(import.meta.url);
const version = (name: string): string => (require(`${name}/package.json`) as { version: string }).version;

/** The version strings of tslab and its dependencies. */
export const versions = {
  tslab: version("tslab"),
  typescript: version("typescript"),
  node: process.version,
};

export interface Display {
  javascript(s: string): void;
  html(s: string): void;
  markdown(s: string): void;
  latex(s: string): void;
  svg(s: string): void;
  png(b: Uint8Array): void;
  jpeg(b: Uint8Array): void;
  gif(b: Uint8Array): void;
  pdf(b: Uint8Array): void;
  text(s: string): void;
  raw(contentType: string, b: string | Uint8Array): void;
}

/** tslab sends all bytes as base64, whatever their type. */
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

function displayUnder(id: string | undefined): Display {
  let update = false;
  const raw = (type: string, data: string | Uint8Array): void => {
    engine.showBundle({ [type]: typeof data === "string" ? data : base64(data) }, id, update && id !== undefined);
    update = true;
  };
  return {
    javascript: (s) => raw("text/javascript", s),
    html: (s) => raw("text/html", s),
    markdown: (s) => raw("text/markdown", s),
    latex: (s) => raw("text/latex", s),
    svg: (s) => raw("image/svg+xml", s),
    png: (b) => raw("image/png", b),
    jpeg: (b) => raw("image/jpeg", b),
    gif: (b) => raw("image/gif", b),
    pdf: (b) => raw("application/pdf", b),
    text: (s) => raw("text/plain", s),
    raw,
  };
}

/** Utility functions to display rich contents. */
export const display: Display = displayUnder(undefined);

/** Returns a new `Display` which shows, and then overwrites, a single output. */
export function newDisplay(): Display {
  return displayUnder(randomUUID());
}
