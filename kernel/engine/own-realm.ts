/**
 * The realm of the engine's own code. A cell may replace `JSON.stringify`, `Array.prototype.push`, `Promise`, `setTimeout` or any other
 * built-in: mocked timers and polyfills do. So the engine's modules are evaluated in a V8 context of their own, with intrinsics that no cell
 * can reach and with Node's functions from before the first cell.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import vm from "node:vm";
import { takeCellRealm } from "./cell-realm.js";

/** The globals of Node that the engine's modules use. */
const GLOBALS = [
  ...["AbortController", "AbortSignal", "Buffer", "TextDecoder", "TextEncoder", "URL", "process", "performance"],
  ...["setTimeout", "clearTimeout", "setImmediate", "structuredClone", "queueMicrotask"],
] as const;

type Exports = Readonly<Record<string, unknown>>;

/** Evaluates a module, and all that it imports, in a new realm. Of Node's modules it gets the exports as they are now. */
export async function loadInOwnRealm(entry: URL): Promise<Exports> {
  const context = vm.createContext(vm.constants.DONT_CONTEXTIFY as unknown as object);
  const globals = globalThis as unknown as Exports;
  for (const name of GLOBALS) Object.defineProperty(context, name, { value: globals[name] });
  Object.defineProperty(context, "cellRealm", { value: takeCellRealm() });

  const modules = new Map<string, Promise<vm.Module>>();
  const source = async (url: string): Promise<vm.Module> =>
    new vm.SourceTextModule(readFileSync(fileURLToPath(url), "utf8"), { context, identifier: url });
  const builtin = async (name: string): Promise<vm.Module> => {
    const exports = (await import(name)) as Exports;
    const names = Object.keys(exports);
    const set = function (this: vm.SyntheticModule): void {
      for (const n of names) this.setExport(n, exports[n]);
    };
    return new vm.SyntheticModule(names, set, { context, identifier: name });
  };
  const find = (specifier: string, from: string): Promise<vm.Module> => {
    const name = specifier.startsWith("node:") ? specifier : new URL(specifier, from).href;
    const known = modules.get(name);
    if (known) return known;
    const made = name.startsWith("node:") ? builtin(name) : source(name);
    modules.set(name, made);
    return made;
  };

  return withoutWarning(async () => {
    const module = await find(entry.href, entry.href);
    await module.link((specifier, importer) => find(specifier, importer.identifier));
    await module.evaluate();
    return module.namespace as Exports;
  });
}

/** Suppresses Node's warning that `vm` modules are experimental. */
async function withoutWarning<T>(fn: () => Promise<T>): Promise<T> {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return await fn();
  } finally {
    process.emitWarning = emitWarning;
  }
}
