/** The programs of Jupyter's private environment, as the tests run them. */
import { execFile } from "node:child_process";
import { jupyterEnvironment, python } from "../../scripts/lib/paths.mjs";

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** `python -m MODULE ARGUMENTS`; proxies without a server make every use of the network fail at once. */
export function runModule(module: string, ...args: string[]): Promise<Ended> {
  const nowhere = "http://127.0.0.1:9";
  const env = { ...jupyterEnvironment(), http_proxy: nowhere, https_proxy: nowhere, no_proxy: "127.0.0.1,localhost" };
  return new Promise((resolve) => {
    execFile(python, ["-m", module, ...args], { env, maxBuffer: 1 << 26 }, (error, out, err) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, out, err });
    });
  });
}

/**
 * The addresses that a page with this html requests: scripts, styles, pictures, frames, and what its scripts fetch. Names of XML vocabularies and
 * links are not requested.
 */
export function askedFor(html: string): string[] {
  // The library and pictures are embedded as base64.
  const plain = html.replace(/[A-Za-z0-9+/=]{400,}/g, "");
  const patterns = [
    /<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\bsrc\s*=\s*["']?((?:https?:)?\/\/[^"'\s>]+)/gi,
    /<link\b[^>]*\bhref\s*=\s*["']?((?:https?:)?\/\/[^"'\s>]+)/gi,
    /\b(?:import|fetch|importScripts|Worker)\s*\(\s*["'`]((?:https?:)?\/\/[^"'`]+)/g,
    /\bfrom\s*["']((?:https?:)?\/\/[^"']+)/g,
    /\.(?:src|href)\s*=\s*["'`]((?:https?:)?\/\/[^"'`]+)/g,
    /(?:url\(|@import\s+)["']?((?:https?:)?\/\/[^"')]+)/g,
  ];
  return patterns.flatMap((pattern) => [...plain.matchAll(pattern)].map((match) => match[1]!));
}
