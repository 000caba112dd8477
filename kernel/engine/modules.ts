/**
 * Imports of cells, which call `load("sparselab")` and the like. `sparselab` and `tslab` come from this package; packages and files are resolved
 * from the notebook's folder; the user's own TypeScript and JavaScript modules are loaded by local.ts.
 */
import { existsSync, statSync } from "node:fs";
import { createRequire, isBuiltin } from "node:module";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { types } from "node:util";
import vm from "node:vm";
import { missingModule, packageOf } from "../missing.js";
import { bridge } from "./bridge.js";
import { LocalModules, requireResult, type Target } from "./local.js";
import { isModule, readText, WHOLE } from "./transpile.js";

export type Namespace = Readonly<Record<string, unknown>>;

const folder = process.cwd();
/** The importing file that Node gets for a cell. */
const notebook = join(folder, "notebook.mjs");
const parent = pathToFileURL(notebook);
const nodeRequire = createRequire(parent);
const OWN: Readonly<Record<string, URL>> = {
  sparselab: new URL("../../lab/index.js", import.meta.url),
  "sparselab/notebook": new URL("../notebook/index.js", import.meta.url),
  tslab: new URL("./tslab.js", import.meta.url),
};

withoutWarning(() => new vm.SyntheticModule([], () => {}));
const locals = new LocalModules({ target, localPath: localModulePath, resolve: resolveUrl, stamp: stampOf });
/** The stamps of other files of the user when each was first loaded, so that edited ones are loaded again. */
const stamps = new Map<string, string>();

/** Suppresses Node's warning that `vm` modules are experimental. */
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
  const path = localModulePath(name, notebook);
  return path === undefined ? loadOther(name, notebook) : ((await locals.load(path)).namespace as Namespace);
}

/** `import x = require("m")` in a cell. */
export async function loadWhole(specifier: unknown): Promise<unknown> {
  const name = String(specifier);
  const path = localModulePath(name, notebook);
  if (path !== undefined) return requireResult((await locals.load(path)).namespace);
  return OWN[name] ? load(name) : cellRequire(name);
}

async function target(specifier: string, from: string): Promise<Target> {
  const path = localModulePath(specifier, from);
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

/** An error for a module that is not found, with the importing file and what to do. */
function explained(error: unknown, name: string, from: string): unknown {
  const code = (error as { code?: unknown } | null)?.code;
  const notFound = ["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND", "ERR_UNKNOWN_BUILTIN_MODULE", "ERR_UNSUPPORTED_ESM_URL_SCHEME"];
  if (!(error instanceof Error) || !notFound.includes(String(code))) return error;
  // The error may be about a module that an installed package lacks.
  const named = [name, packageOf(name), name.replace(/^node:/, "")].some((n) => error.message.includes(n));
  if (!named && !/scheme/.test(error.message)) return error;
  const hint = missingModule(name, folder);
  const who = from === notebook ? "" : `, which ${from} imports`;
  return Object.assign(new Error(`Cannot find module '${name}'${who}.${hint ? ` ${hint}` : ""}`), { code });
}

/** The names that a cell imports from a module. A missing one is an error. */
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
 * Imports a module by Node. For CommonJS, Node finds only some of the names: here all properties are exported. Where the module was compiled
 * from an ES module (`__esModule`), its default export is that module's, as in TypeScript.
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
    // It may mean a file of the user or a package.
    const meant = packageImport(name, from);
    if (!meant?.path) return undefined;
    base = meant.path;
  } else return undefined;
  for (const ending of ENDINGS) if (isFile(base + ending)) return base + ending;
  // As in TypeScript, `./x.js` may mean x.ts.
  const [, stem, kind = ""] = /^(.*)\.([cm]?)jsx?$/s.exec(base) ?? [];
  if (stem !== undefined) for (const ending of [`.${kind}ts`, ".tsx"]) if (isFile(stem + ending)) return stem + ending;
  const error = new Error(`Cannot find module '${name}' from ${dirname(from)}`);
  throw Object.assign(error, { code: "MODULE_NOT_FOUND" });
}

/** The path of a file that local.ts loads: TypeScript, and the user's own JavaScript modules. */
function localModulePath(name: string, from: string): string | undefined {
  let path = OWN[name] ? undefined : localPath(name, from);
  if (path === undefined && !OWN[name] && !/^(?:#|(?:node|data|https?):)/.test(name)) {
    // A package of a workspace may resolve to TypeScript source.
    try {
      const url = resolveUrl(name, from);
      if (/^file:.*\.[cm]?tsx?$/.test(url)) path = fileURLToPath(url);
    } catch {
      // Reported when it is imported.
    }
  }
  if (path === undefined) return undefined;
  if (/\.(?:[cm]?ts|tsx|jsx)$/.test(path)) return path;
  if (path.includes("/node_modules/")) return undefined;
  if (path.endsWith(".mjs")) return path;
  return path.endsWith(".js") && isModule(path, readText(path)) ? path : undefined;
}

/**
 * Resolves a `#name` by "imports" of the nearest package.json: to a file, or to a module's name. The file is read each time, since Node caches
 * it for good.
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
 * Whether a package is in a folder where Node would look. Node is not asked for a missing one, since it would cache that for good, and the
 * package may be installed later.
 */
function isInstalled(name: string, from: string): boolean {
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

function notFound(name: string): Error {
  return Object.assign(new Error(`Cannot find package '${name}'`), { code: "ERR_MODULE_NOT_FOUND" });
}

function resolveUrl(name: string, from: string): string {
  if (!isInstalled(name, from)) throw notFound(name);
  return import.meta.resolve(name, pathToFileURL(from).href);
}

export function stampOf(path: string): string {
  const stat = statSync(path);
  return `${stat.mtimeMs}-${stat.size}`;
}

/** The `module` of cells, which is also `require.main`. */
export const cellModule = {
  id: ".",
  path: folder,
  exports: {} as unknown,
  filename: fileURLToPath(parent),
  loaded: false,
  children: [],
  paths: nodeRequire.resolve.paths("x") ?? [],
};

/** The `require` of cells. ES modules can only be imported. */
export const cellRequire = Object.assign(
  (name: string): unknown => {
    const path = relativePath(name);
    if (path !== undefined) {
      throw new Error(
        `require() cannot load ${path}, which is an ES module or TypeScript: use \`import x = require("${name}")\`, or \`await import("${name}")\`.`,
      );
    }
    try {
      if (!isInstalled(String(name), notebook)) throw notFound(name);
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
    return undefined; // Node gives the error.
  }
}

export const cellMeta = {
  url: parent.href,
  dirname: folder,
  filename: fileURLToPath(parent),
  resolve: (name: string) => import.meta.resolve(name, parent.href),
};
