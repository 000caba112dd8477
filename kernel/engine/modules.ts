/**
 * What a cell's imports become: `load("sparselab")` and the like. `sparselab` and `tslab` are this package's own, packages and files are
 * looked for from the notebook's folder, and the user's own TypeScript is compiled on the way.
 */
import { statSync } from "node:fs";
import { createRequire } from "node:module";
import { isAbsolute, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Importers, LocalModules } from "./local.js";

export type Namespace = Readonly<Record<string, unknown>>;

const folder = process.cwd();
const parent = pathToFileURL(join(folder, "notebook.mjs"));
export const cellRequire = createRequire(parent);
const OWN: Readonly<Record<string, URL>> = {
  sparselab: new URL("../../lab/index.js", import.meta.url),
  "sparselab/notebook": new URL("../notebook/index.js", import.meta.url),
  tslab: new URL("./tslab.js", import.meta.url),
};

const locals = new LocalModules(load);
/** JavaScript files of the user: the stamp at which each was first loaded, to load it anew once it was edited. */
const stamps = new Map<string, string>();

/** Imports a module for a cell or, with `from`, for a local TypeScript file. */
export async function load(specifier: unknown, from = folder, importers: Importers = []): Promise<Namespace> {
  const name = String(specifier);
  const own = OWN[name];
  if (own) return (await import(own.href)) as Namespace;
  const path = localPath(name, from);
  if (path === undefined)
    return interop(import.meta.resolve(name, from === folder ? parent.href : pathToFileURL(join(from, "x.mjs")).href));
  if (/\.[cm]?tsx?$/.test(path)) return locals.load(path, importers);
  if (path.endsWith(".json")) return jsonModule(path);
  const stamp = stampOf(path);
  const first = stamps.get(path) ?? stamp;
  stamps.set(path, first);
  return interop(pathToFileURL(path).href + (stamp === first ? "" : `?edited=${stamp}`));
}

/** The names that a cell takes from a module; one that is missing is an error, not `undefined`. */
export function pick(module: Namespace, specifier: string, names: readonly string[]): unknown[] {
  return names.map((name) => {
    if (name === "*") return module;
    if (name in module) return module[name];
    const whole = module.default;
    if (name !== "default" && whole !== null && (typeof whole === "object" || typeof whole === "function") && name in whole) {
      return (whole as Namespace)[name];
    }
    throw new SyntaxError(`The requested module '${specifier}' does not provide an export named '${name}'`);
  });
}

/** Node finds the names of a CommonJS module by reading it, and misses some: a namespace of it has all its properties. */
async function interop(url: string): Promise<Namespace> {
  const module = (await import(url)) as Namespace;
  if (!url.startsWith("file:") || !cellRequire.cache[fileURLToPath(url)]) return module;
  const whole = module.default;
  if (whole === null || (typeof whole !== "object" && typeof whole !== "function")) return module;
  const missing = Object.keys(whole).filter((k) => !(k in module));
  return missing.length ? { ...(whole as Namespace), ...module } : module;
}

async function jsonModule(path: string): Promise<Namespace> {
  const { readFile } = await import("node:fs/promises");
  const value: unknown = JSON.parse(await readFile(path, "utf8"));
  const names = value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
  return { ...names, default: value };
}

const ENDINGS = ["", ".ts", ".mts", ".tsx", ".js", ".mjs", ".cjs", ".json", "/index.ts", "/index.js", "/index.mjs"];

/** The file that a relative or absolute specifier names; undefined for a package. */
function localPath(name: string, from: string): string | undefined {
  let base: string;
  if (name.startsWith("file:")) base = fileURLToPath(name);
  else if (/^\.{1,2}(\/|$)/.test(name) || isAbsolute(name)) base = resolve(from, name);
  else return undefined;
  const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
  for (const ending of ENDINGS) if (isFile(base + ending)) return base + ending;
  // As TypeScript has it, `./x.js` may mean the source x.ts.
  const source = base.replace(/\.([cm]?)jsx?$/, ".$1ts");
  if (source !== base && isFile(source)) return source;
  throw new Error(`Cannot find module '${name}' from ${from}`);
}

export function stampOf(path: string): string {
  const stat = statSync(path);
  return `${stat.mtimeMs}-${stat.size}`;
}

export const cellMeta = {
  url: parent.href,
  dirname: folder,
  filename: fileURLToPath(parent),
  resolve: (name: string) => import.meta.resolve(name, parent.href),
};
