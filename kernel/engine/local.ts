/**
 * The user's own TypeScript files, imported by a cell: compiled without type check (the cell is checked, and sees their types), run as
 * modules, and run anew after they, or what they import, were edited.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import vm from "node:vm";
import type ts from "typescript";
import { type Namespace, stampOf } from "./modules.js";

export interface LocalModule {
  readonly exports: Record<string, unknown>;
  readonly stamp: string;
  /** The local TypeScript that it imports. */
  readonly children: Set<LocalModule>;
  readonly path: string;
  ready: Promise<void>;
}

/** The modules that wait for an import, the outermost first; none where a cell imports. */
export type Importers = readonly LocalModule[];
type Load = (specifier: string, from: string, importers: Importers) => Promise<Namespace>;

export class LocalModules {
  readonly #load: Load;
  readonly #modules = new Map<string, LocalModule>();
  #typescript: typeof ts | undefined;

  constructor(load: Load) {
    this.#load = load;
  }

  async load(path: string, importers: Importers): Promise<Namespace> {
    const importer = importers.at(-1);
    let module = this.#modules.get(path);
    if (!module || (!importer && this.#stale(module, new Set()))) {
      const fresh = this.#start(path);
      module = fresh;
      this.#modules.set(path, fresh);
      fresh.ready = this.#run(fresh, importers);
      // One that failed, or that imports one that failed, is tried anew with the next import.
      fresh.ready.catch(() => this.#modules.get(path) === fresh && this.#modules.delete(path));
    }
    importer?.children.add(module);
    // In a circle of imports the one that came first is still running: hand out what it has, as Node does for CommonJS.
    if (!importers.includes(module)) await module.ready;
    return module.exports;
  }

  #stale(module: LocalModule, seen: Set<LocalModule>): boolean {
    if (seen.has(module)) return false;
    seen.add(module);
    let stale = true;
    try {
      stale = stampOf(module.path) !== module.stamp;
    } catch {
      // The file is gone: loading it again says so.
    }
    for (const child of module.children) if (this.#stale(child, seen)) stale = true;
    if (stale) this.#modules.delete(module.path);
    return stale;
  }

  #start(path: string): LocalModule {
    return { path, exports: {}, stamp: stampOf(path), children: new Set(), ready: Promise.resolve() };
  }

  async #run(module: LocalModule, importers: Importers): Promise<void> {
    this.#typescript ??= createRequire(import.meta.url)("typescript") as typeof ts;
    const typescript = this.#typescript;
    const text = readFileSync(module.path, "utf8");
    const { outputText, diagnostics } = typescript.transpileModule(text, {
      fileName: module.path,
      reportDiagnostics: true,
      compilerOptions: {
        target: typescript.ScriptTarget.ES2022,
        module: typescript.ModuleKind.CommonJS,
        esModuleInterop: false,
        inlineSourceMap: true,
      },
    });
    const wrong = diagnostics?.find(
      (d) => d.category === typescript.DiagnosticCategory.Error && d.code !== 1378 && d.code !== 1309,
    );
    if (wrong) {
      const { line } = wrong.file!.getLineAndCharacterOfPosition(wrong.start ?? 0);
      throw new SyntaxError(`${module.path}:${line + 1}: ${typescript.flattenDiagnosticMessageText(wrong.messageText, "\n")}`);
    }
    // CommonJS asks for its imports while it runs; they are loaded before, as a module's are.
    const needed = new Map<string, Namespace>();
    const specifiers = [...outputText.matchAll(/\brequire\("((?:[^"\\]|\\.)+)"\)/g)].map(
      (m) => JSON.parse(`"${m[1]}"`) as string,
    );
    const chain = [...importers, module];
    for (const name of new Set(specifiers)) needed.set(name, await this.#load(name, dirname(module.path), chain));
    const own = createRequire(module.path);
    const find = (name: string): unknown => needed.get(name) ?? own(name);
    const wrapped = vm.runInThisContext(
      `(async (exports, require, module, __filename, __dirname, __load) => {${asyncImports(outputText)}\n})`,
      {
        filename: pathToFileURL(module.path).href,
      },
    ) as (...args: unknown[]) => Promise<void>;
    const cjs = { exports: module.exports };
    await wrapped(module.exports, find, cjs, module.path, dirname(module.path), (name: string) =>
      this.#load(name, dirname(module.path), []),
    );
    if (cjs.exports !== module.exports) Object.assign(module.exports, cjs.exports);
  }
}

/** TypeScript's CommonJS makes `import(x)` a require: it may be any module, so it is loaded by ours. */
function asyncImports(js: string): string {
  return js.replace(/Promise\.resolve\(\)\.then\(\(\) => (?:__importStar\()?require\(("[^"]+")\)\)?\)/g, "__load($1)");
}
