/**
 * Loads the user's own files that cells import: TypeScript with any extension, and JavaScript modules. Each becomes an ES module of V8 (`vm`),
 * so import cycles, top-level await and live bindings work as the language defines them. A file is loaded again after it, or one that it
 * imports, was edited.
 */
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import vm from "node:vm";
import { bridge } from "./bridge.js";
import { FILE_SCOPE, readText, type Transpiled, transpile, WHOLE } from "./transpile.js";

/** What an import resolves to: a file that is loaded here, or a module that Node has loaded. */
export type Target = { readonly path: string } | { readonly module: vm.Module; readonly names: ReadonlySet<string> };

export interface Imports {
  /** Resolves an import of a file, and loads it unless it is loaded here. */
  target(specifier: string, from: string): Promise<Target>;
  /** The path, for a file that is loaded here; undefined for anything else. */
  localPath(specifier: string, from: string): string | undefined;
  resolve(specifier: string, from: string): string;
  stamp(path: string): string;
}

interface LocalModule {
  readonly path: string;
  /** Its name in stack traces. */
  readonly url: string;
  readonly stamp: string;
  source: Transpiled | undefined;
  readonly targets: Map<string, Target>;
  /** The files loaded here that it imports. */
  readonly children: Set<LocalModule>;
  /** Resolves when the file is transpiled and its imports are resolved. */
  own: Promise<void>;
  module: vm.SourceTextModule | undefined;
}

export class LocalModules {
  readonly #imports: Imports;
  readonly #modules = new Map<string, LocalModule>();
  readonly #byUrl = new Map<string, LocalModule>();
  /** Modules that are being loaded. */
  readonly #loading = new Set<LocalModule>();
  /** Graphs of modules are linked one at a time: a file in two of them must not be half linked. */
  #linking: Promise<unknown> = Promise.resolve();

  constructor(imports: Imports) {
    this.#imports = imports;
    bridge().stopped = () => {
      // Loading may never end: the next import starts over.
      for (const root of this.#loading) for (const m of graphOf(root)) this.#forget(m);
      this.#loading.clear();
      this.#linking = Promise.resolve();
    };
  }

  /** Loads a file for a cell, or for `import()` in a file. */
  async load(path: string): Promise<vm.Module> {
    const known = this.#modules.get(path);
    if (known) this.#dropStale(known, new Set());
    const root = this.#get(path);
    this.#loading.add(root);
    try {
      await this.#prepare(root);
      const graph = graphOf(root);
      for (const m of graph) m.module ??= this.#compile(m);
      const linked = this.#linking.then(() => this.#link(root));
      this.#linking = linked.catch(() => {});
      await linked;
      await root.module!.evaluate();
      return root.module!;
    } catch (error) {
      // Whatever failed, or imports what failed, is loaded again by the next import.
      for (const m of graphOf(root)) if (m.module?.status !== "evaluated") this.#forget(m);
      throw error;
    } finally {
      this.#loading.delete(root);
    }
  }

  #forget(module: LocalModule): void {
    if (this.#modules.get(module.path) === module) this.#modules.delete(module.path);
  }

  /** Forgets each module of the graph that was edited or that imports an edited one. */
  #dropStale(root: LocalModule, seen: Set<LocalModule>): void {
    const all = graphOf(root, seen);
    const stale = new Set(all.filter((m) => this.#edited(m)));
    for (let more = stale.size > 0; more; ) {
      more = false;
      for (const m of all) {
        if (stale.has(m) || ![...m.children].some((c) => stale.has(c))) continue;
        stale.add(m);
        more = true;
      }
    }
    for (const m of stale) this.#forget(m);
  }

  #edited(module: LocalModule): boolean {
    try {
      return this.#imports.stamp(module.path) !== module.stamp;
    } catch {
      return true; // It was deleted: loading it again gives the error.
    }
  }

  #get(path: string): LocalModule {
    const known = this.#modules.get(path);
    if (known) return known;
    const stamp = this.#imports.stamp(path);
    const plain = pathToFileURL(path).href;
    // Older versions may still run, so each has its own URL for its source map.
    const url = this.#byUrl.has(plain) ? `${plain}?edited=${stamp}.${this.#byUrl.size}` : plain;
    const module: LocalModule = {
      path,
      url,
      stamp,
      source: undefined,
      targets: new Map(),
      children: new Set(),
      own: Promise.resolve(),
      module: undefined,
    };
    this.#modules.set(path, module);
    this.#byUrl.set(url, module);
    module.own = this.#read(module);
    module.own.catch(() => {}); // Reported by `#prepare`.
    return module;
  }

  async #read(module: LocalModule): Promise<void> {
    const source = transpile(module.path, readText(module.path));
    module.source = source;
    bridge().sources[module.url] = source.map;
    for (const specifier of source.required) {
      // Files loaded here that it requires are loaded before it, like imports.
      const path = this.#imports.localPath(specifier, module.path);
      if (path !== undefined) this.#connect(module, specifier, { path });
    }
    for (const specifier of source.specifiers) {
      this.#connect(module, specifier, await this.#imports.target(specifier, module.path));
    }
  }

  #connect(module: LocalModule, specifier: string, target: Target): void {
    module.targets.set(specifier, target);
    if ("path" in target) module.children.add(this.#get(target.path));
  }

  /** Waits until a file, and all that it imports directly or indirectly, is transpiled. */
  async #prepare(root: LocalModule): Promise<void> {
    const seen = new Set<LocalModule>([root]);
    for (const module of seen) {
      await module.own;
      for (const child of module.children) seen.add(child);
    }
  }

  /** Whether a module exports a value of this name. */
  #exported(module: LocalModule, name: string, seen: Set<LocalModule>): boolean {
    if (seen.has(module)) return false;
    seen.add(module);
    const source = module.source!;
    if (source.exports.has(name)) {
      const from = source.imported.find((t) => t.exportedAs === name && t.reexported);
      return !from || this.#exportsValue(module, from.specifier, from.name, seen);
    }
    return name !== "default" && source.stars.some((s) => this.#exportsValue(module, s, name, seen));
  }

  /** Whether the import `specifier` of a module exports a value of this name. */
  #exportsValue(module: LocalModule, specifier: string, name: string, seen: Set<LocalModule>): boolean {
    const target = module.targets.get(specifier)!;
    if (!("path" in target)) return target.names.has(name);
    const child = this.#child(module, target.path);
    return seen.has(child) || this.#exported(child, name, seen);
  }

  #child(module: LocalModule, path: string): LocalModule {
    for (const child of module.children) if (child.path === path) return child;
    throw new Error(`${path} is not imported by ${module.path}`);
  }

  #compile(module: LocalModule): vm.SourceTextModule {
    const { imported, required } = module.source!;
    let { code } = module.source!;
    // In `export { Row } from "./rows"` Row may be a type: it is replaced by blanks, which keep all columns.
    for (const { specifier, name, reexported, ranges } of imported) {
      if (!reexported || this.#exportsValue(module, specifier, name, new Set([module]))) continue;
      for (const [start, end] of ranges) code = code.slice(0, start) + " ".repeat(end - start) + code.slice(end);
    }
    for (const name of required) if (module.targets.has(name)) code += `\nimport ${JSON.stringify(name)};`;
    const { path } = module;
    return new vm.SourceTextModule(code, {
      identifier: module.url,
      initializeImportMeta: (meta) => {
        Object.assign(meta, {
          dirname: dirname(path),
          filename: path,
          resolve: (name: string) => this.#imports.resolve(name, path),
          url: pathToFileURL(path).href,
        });
      },
      importModuleDynamically: async (specifier) => {
        const target = await this.#imports.target(specifier, path);
        return "path" in target ? this.load(target.path) : target.module;
      },
    });
  }

  async #link(root: LocalModule): Promise<void> {
    if (root.module!.status !== "unlinked") return;
    await root.module!.link((specifier, importer) => {
      const module = this.#byUrl.get(importer.identifier)!;
      if (specifier === FILE_SCOPE) return this.#scope(module);
      const target = module.targets.get(specifier)!;
      return "path" in target ? this.#child(module, target.path).module! : target.module;
    });
  }

  /** A module that exports the names of CommonJS for a file. */
  #scope(module: LocalModule): vm.Module {
    const { path } = module;
    const own = createRequire(path);
    const require = Object.assign((name: string): unknown => {
      const target = module.targets.get(name);
      return target && "path" in target ? requireResult(this.#child(module, target.path).module!.namespace) : own(name);
    }, own);
    const exports = {};
    const values: Readonly<Record<string, unknown>> = {
      require,
      module: { id: path, filename: path, path: dirname(path), exports, loaded: false, children: [], paths: [], require },
      exports,
      __filename: path,
      __dirname: dirname(path),
    };
    return new vm.SyntheticModule(Object.keys(values), function () {
      for (const [name, value] of Object.entries(values)) this.setExport(name, value);
    });
  }
}

/** What `require` returns for a module. */
export function requireResult(namespace: object): unknown {
  return WHOLE in namespace ? (namespace as Record<string, unknown>)[WHOLE] : namespace;
}

function graphOf(root: LocalModule, seen = new Set<LocalModule>()): LocalModule[] {
  seen.add(root);
  for (const module of seen) for (const child of module.children) seen.add(child);
  return [...seen];
}
