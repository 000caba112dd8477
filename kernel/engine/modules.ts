/**
 * What a cell's imports become: `load("sparselab")` and the like. `sparselab` and `tslab` are this package's own, packages and files are
 * looked for from the notebook's folder, and the user's own TypeScript and JavaScript modules are loaded by local.ts.
 */
import { existsSync, statSync } from "node:fs";
import { createRequire, isBuiltin } from "node:module";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { types } from "node:util";
import vm from "node:vm";
import { missingModule, packageOf } from "../missing.js";
import { bridge } from "./bridge.js";
import { LocalModules, type Target, whole } from "./local.js";
import { isModule, readText, WHOLE } from "./transpile.js";

export type Namespace = Readonly<Record<string, unknown>>;

const folder = process.cwd();
/** The file that a cell is taken for, where Node asks who imports. */
const notebook = join(folder, "notebook.mjs");
const parent = pathToFileURL(notebook);
const nodeRequire = createRequire(parent);
const OWN: Readonly<Record<string, URL>> = {
  sparselab: new URL("../../lab/index.js", import.meta.url),
  "sparselab/notebook": new URL("../notebook/index.js", import.meta.url),
  tslab: new URL("./tslab.js", import.meta.url),
};

withoutWarning(() => new vm.SyntheticModule([], () => {}));
const locals = new LocalModules({ target, localPath: oursAt, resolve: resolveUrl, stamp: stampOf });
/** Other files of the user: the stamp at which each was first loaded, to load it anew once it was edited. */
const stamps = new Map<string, string>();

/** Node warns once that its modules of `vm` are experimental: nothing that a notebook should show. */
function withoutWarning(fn: () => void): void {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    fn();
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Imports a module for a cell. */
export async function load(specifier: unknown): Promise<Namespace> {
  const name = String(specifier);
  const path = oursAt(name, notebook);
  return path === undefined ? loadOther(name, notebook) : ((await locals.load(path)).namespace as Namespace);
}

/** `import x = require("m")` in a cell. */
export async function loadWhole(specifier: unknown): Promise<unknown> {
  const name = String(specifier);
  const path = oursAt(name, notebook);
  if (path !== undefined) return whole((await locals.load(path)).namespace);
  return OWN[name] ? load(name) : cellRequire(name);
}

async function target(specifier: string, from: string): Promise<Target> {
  const path = oursAt(specifier, from);
  if (path !== undefined) return { path };
  const namespace = await loadOther(specifier, from);
  const names = Object.keys(namespace);
  const module = new vm.SyntheticModule(names, function () {
    for (const name of names) this.setExport(name, namespace[name]);
  });
  await module.link(() => module);
  await module.evaluate();
  return { module, names: new Set(names) };
}

bridge().importModule = async (specifier) => {
  const found = await target(specifier, notebook);
  return "path" in found ? locals.load(found.path) : found.module;
};

async function loadOther(name: string, from: string): Promise<Namespace> {
  const own = OWN[name];
  if (own) return (await import(own.href)) as Namespace;
  const path = localPath(name, from);
  try {
    const meant = name.startsWith("#") ? packageImport(name, from) : undefined;
    if (meant?.name) return await loadOther(meant.name, meant.from);
    if (path === undefined) return await interop(resolveUrl(name, from));
    if (path.endsWith(".json")) return jsonModule(path);
    const stamp = stampOf(path);
    const first = stamps.get(path) ?? stamp;
    stamps.set(path, first);
    return await interop(pathToFileURL(path).href + (stamp === first ? "" : `?edited=${stamp}`));
  } catch (error) {
    throw explained(error, name, from);
  }
}

/** A module that is not found: says who misses it and what to do. */
function explained(error: unknown, name: string, from: string): unknown {
  const code = (error as { code?: unknown } | null)?.code;
  const notFound = ["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND", "ERR_UNKNOWN_BUILTIN_MODULE", "ERR_UNSUPPORTED_ESM_URL_SCHEME"];
  if (!(error instanceof Error) || !notFound.includes(String(code))) return error;
  // A package that misses one of its own is another matter.
  const named = [name, packageOf(name), name.replace(/^node:/, "")].some((n) => error.message.includes(n));
  if (!named && !/scheme/.test(error.message)) return error;
  const hint = missingModule(name, folder);
  const who = from === notebook ? "" : `, which ${from} imports`;
  return Object.assign(new Error(`Cannot find module '${name}'${who}.${hint ? ` ${hint}` : ""}`), { code });
}

/** The names that a cell takes from a module; one that is missing is an error, not `undefined`. */
export function pick(module: Namespace, specifier: string, names: readonly string[]): unknown[] {
  return names.map((name) => {
    if (name === "*") return module;
    if (name in module) return module[name];
    const all = module.default;
    if (name !== "default" && all !== null && (typeof all === "object" || typeof all === "function") && name in all) {
      return (all as Namespace)[name];
    }
    throw new SyntaxError(`The requested module '${specifier}' does not provide an export named '${name}'`);
  });
}

/**
 * Imports by Node. Of a CommonJS module Node finds the names by reading it, and misses some: here it has all its properties; and where it
 * was made of an ES module (`__esModule`) its default is that module's, as TypeScript has it.
 */
async function interop(url: string): Promise<Namespace> {
  const module = (await import(url)) as Namespace;
  const cached = url.startsWith("file:") ? nodeRequire.cache[fileURLToPath(url)] : undefined;
  if (!cached || types.isModuleNamespaceObject(cached.exports)) return module;
  const all = module.default as Namespace | null | undefined;
  const properties = all !== null && (typeof all === "object" || typeof all === "function") ? all : {};
  const compiled = (properties as Namespace).__esModule === true && "default" in properties;
  const namespace: Record<string, unknown> = { ...properties, ...module };
  namespace.default = compiled ? (properties as Namespace).default : all;
  Object.defineProperty(namespace, WHOLE, { value: all, enumerable: true });
  return namespace;
}

async function jsonModule(path: string): Promise<Namespace> {
  const value: unknown = JSON.parse(readText(path));
  const names = value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
  return { ...names, default: value, [WHOLE]: value };
}

const ENDINGS = ["", ".ts", ".mts", ".cts", ".tsx", ".js", ".mjs", ".cjs", ".jsx", ".json"];
ENDINGS.push(...["ts", "mts", "cts", "tsx", "js", "mjs", "cjs", "jsx"].map((ending) => `/index.${ending}`));

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

/** The file that a specifier names; undefined for a package. */
function localPath(name: string, from: string): string | undefined {
  let base: string;
  if (name.startsWith("file:")) base = fileURLToPath(name);
  else if (/^\.{1,2}(\/|$)/.test(name) || isAbsolute(name)) base = resolve(dirname(from), name);
  else if (name.startsWith("#")) {
    // It may lead to a file of the user or to a package.
    const meant = packageImport(name, from);
    if (!meant?.path) return undefined;
    base = meant.path;
  } else return undefined;
  for (const ending of ENDINGS) if (isFile(base + ending)) return base + ending;
  // As TypeScript has it, `./x.js` may mean the source x.ts.
  const [, stem, kind = ""] = /^(.*)\.([cm]?)jsx?$/s.exec(base) ?? [];
  if (stem !== undefined) for (const ending of [`.${kind}ts`, ".tsx"]) if (isFile(stem + ending)) return stem + ending;
  const error = new Error(`Cannot find module '${name}' from ${dirname(from)}`);
  throw Object.assign(error, { code: "MODULE_NOT_FOUND" });
}

/** The path of a file that local.ts loads: TypeScript, and the user's own JavaScript modules. */
function oursAt(name: string, from: string): string | undefined {
  let path = OWN[name] ? undefined : localPath(name, from);
  if (path === undefined && !OWN[name] && !/^(?:#|(?:node|data|https?):)/.test(name)) {
    // A workspace's package may lead to its source.
    try {
      const url = resolveUrl(name, from);
      if (/^file:.*\.[cm]?tsx?$/.test(url)) path = fileURLToPath(url);
    } catch {
      // Told by whoever imports it.
    }
  }
  if (path === undefined) return undefined;
  if (/\.(?:[cm]?ts|tsx|jsx)$/.test(path)) return path;
  if (path.includes("/node_modules/")) return undefined;
  if (path.endsWith(".mjs")) return path;
  return path.endsWith(".js") && isModule(path, readText(path)) ? path : undefined;
}

/**
 * What a `#name` means by the "imports" of the nearest package.json: a file, or a module by name. Read anew each time, while Node keeps a
 * package.json as it first found it.
 */
function packageImport(name: string, from: string): { path?: string; name?: string; from: string } | undefined {
  for (let at = dirname(from); ; at = dirname(at)) {
    const file = join(at, "package.json");
    if (isFile(file)) {
      const { imports = {} } = JSON.parse(readText(file)) as { imports?: Record<string, unknown> };
      const star = (key: string): string | undefined => {
        const [before, after] = key.split("*");
        if (after === undefined || !name.startsWith(before!) || !name.endsWith(after)) return undefined;
        return name.slice(before!.length, name.length - after.length);
      };
      const keys = Object.keys(imports).filter((k) => star(k) !== undefined);
      const key = name in imports ? name : keys.sort((a, b) => b.indexOf("*") - a.indexOf("*"))[0];
      const found = key === undefined ? undefined : condition(imports[key]);
      if (found === undefined) return undefined;
      const meant = found.replaceAll("*", star(key!) ?? "");
      return meant.startsWith("./") ? { path: join(at, meant), from: file } : { name: meant, from: file };
    }
    if (dirname(at) === at) return undefined;
  }
}

function condition(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.map(condition).find((v) => v !== undefined);
  if (value === null || typeof value !== "object") return undefined;
  for (const [name, inner] of Object.entries(value)) {
    const found = ["node", "import", "node-addons", "module-sync", "default"].includes(name) ? condition(inner) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Whether a package lies in a folder where Node would look. Node is not asked for one that does not: it remembers for good that there is no
 * package.json, and the package may be installed in a minute.
 */
function isThere(name: string, from: string): boolean {
  if (/^(?:#|\.{0,2}\/|\.{1,2}$|[a-z]+:)/.test(name) || isBuiltin(name) || process.env.NODE_PATH) return true;
  const wanted = packageOf(name);
  for (let at = dirname(from); ; at = dirname(at)) {
    if (existsSync(join(at, "node_modules", wanted)) || isFile(join(at, "node_modules", `${wanted}.js`))) return true;
    const own = join(at, "package.json");
    // A package may import itself by its name.
    if (isFile(own) && (JSON.parse(readText(own)) as { name?: unknown }).name === wanted) return true;
    if (dirname(at) === at) return false;
  }
}

function absent(name: string): Error {
  return Object.assign(new Error(`Cannot find package '${name}'`), { code: "ERR_MODULE_NOT_FOUND" });
}

function resolveUrl(name: string, from: string): string {
  if (!isThere(name, from)) throw absent(name);
  return import.meta.resolve(name, pathToFileURL(from).href);
}

export function stampOf(path: string): string {
  const stat = statSync(path);
  return `${stat.mtimeMs}-${stat.size}`;
}

/** The `module` of cells: what `require.main` is, too. */
export const cellModule = {
  id: ".",
  path: folder,
  exports: {} as unknown,
  filename: fileURLToPath(parent),
  loaded: false,
  children: [],
  paths: nodeRequire.resolve.paths("x") ?? [],
};

/** `require` of a cell. What was loaded as an ES module can only be imported. */
export const cellRequire = Object.assign(
  (name: string): unknown => {
    const path = relativePath(name);
    if (path !== undefined) {
      throw new Error(
        `require() cannot load ${path}, which is an ES module or TypeScript: use \`import x = require("${name}")\`, or \`await import("${name}")\`.`,
      );
    }
    try {
      if (!isThere(String(name), notebook)) throw absent(name);
      return nodeRequire(name);
    } catch (error) {
      throw explained(error, name, notebook);
    }
  },
  nodeRequire,
  { main: cellModule },
);

function relativePath(name: unknown): string | undefined {
  if (typeof name !== "string" || !/^(?:\.{1,2}\/|\/)/.test(name)) return undefined;
  try {
    const path = localPath(name, notebook);
    return path !== undefined && /\.(?:[cm]?ts|tsx|jsx)$/.test(path) ? path : undefined;
  } catch {
    return undefined; // Node's own error says so.
  }
}

export const cellMeta = {
  url: parent.href,
  dirname: folder,
  filename: fileURLToPath(parent),
  resolve: (name: string) => import.meta.resolve(name, parent.href),
};
