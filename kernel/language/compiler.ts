/**
 * One TypeScript LanguageService for the notebook: cells and a draft are files that exist only here, in the notebook's folder, so that
 * imports resolve as they would for a file there. `sparselab`, `tslab` and Node's types are found in this package, from any folder.
 */
import { statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { GLOBAL_TYPES } from "./globals.js";

const require = createRequire(import.meta.url);
/** The folder of compiled code: this file is `dist/kernel/language/compiler.js`. */
const dist = fileURLToPath(new URL("../../", import.meta.url));

/** Modules that a cell finds in this package, whatever folder it runs in. */
const OWN_TYPES: Readonly<Record<string, string>> = {
  sparselab: join(dist, "lab/index.d.ts"),
  "sparselab/notebook": join(dist, "kernel/notebook/index.d.ts"),
  tslab: join(dist, "kernel/engine/tslab.d.ts"),
};

const CELL = "__cell_";

export class Compiler {
  readonly #cwd: string;
  readonly #options: ts.CompilerOptions;
  readonly #virtual = new Map<string, { text: string; version: number }>();
  readonly #disk = new Map<string, { version: string; snapshot: ts.IScriptSnapshot }>();
  #version = 0;
  readonly service: ts.LanguageService;

  constructor(cwd: string) {
    this.#cwd = cwd;
    this.#options = {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      moduleDetection: ts.ModuleDetectionKind.Force,
      customConditions: ["node"],
      lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"],
      types: ["node"],
      typeRoots: [dirname(dirname(require.resolve("@types/node/package.json")))],
      strict: true,
      noImplicitAny: false,
      noUncheckedIndexedAccess: false,
      skipLibCheck: true,
      esModuleInterop: true,
      resolveJsonModule: true,
      allowImportingTsExtensions: true,
      preserveConstEnums: true,
      removeComments: true,
      sourceMap: true,
      newLine: ts.NewLineKind.LineFeed,
    };
    this.write(this.path("globals.d.ts"), GLOBAL_TYPES);
    this.write(this.draft, "export {};");
    // Read once, and kept while no cell imports it.
    this.write(this.path("keep.ts"), 'import "sparselab";');
    this.service = ts.createLanguageService(this.#host(), ts.createDocumentRegistry(true, cwd));
  }

  path(name: string): string {
    return join(this.#cwd, CELL + name).replaceAll("\\", "/");
  }

  /** The file that completion and help look at. */
  get draft(): string {
    return this.path("draft.ts");
  }

  write(path: string, text: string): void {
    if (this.#virtual.get(path)?.text === text) return;
    this.#virtual.set(path, { text, version: ++this.#version });
  }

  remove(path: string): void {
    this.#virtual.delete(path);
  }

  program(): ts.Program {
    const program = this.service.getProgram();
    if (!program) throw new Error("TypeScript made no program");
    return program;
  }

  #host(): ts.LanguageServiceHost {
    const cwd = this.#cwd;
    const virtual = this.#virtual;
    const moduleHost: ts.ModuleResolutionHost = {
      fileExists: ts.sys.fileExists,
      readFile: ts.sys.readFile,
      directoryExists: ts.sys.directoryExists,
      realpath: ts.sys.realpath,
      getCurrentDirectory: () => cwd,
    };
    const cache = ts.createModuleResolutionCache(cwd, (name) => name, this.#options);

    const resolve = (name: string, from: string, mode: ts.ResolutionMode): ts.ResolvedModuleWithFailedLookupLocations => {
      const own = OWN_TYPES[name];
      if (own && ts.sys.fileExists(own)) return { resolvedModule: found(own) };
      if (name.startsWith(`./${CELL}`)) return { resolvedModule: found(`${join(dirname(from), name)}.ts`) };
      // What a cell or the user's own file imports may appear or move while the notebook is open: only packages are remembered.
      const remembered = from.includes("/node_modules/") ? cache : undefined;
      return ts.resolveModuleName(name, from, this.#options, moduleHost, remembered, undefined, mode);
    };

    /** TypeScript's own hosts have this too, though it is not among the declared. */
    type Host = ts.LanguageServiceHost & { getModuleResolutionCache(): ts.ModuleResolutionCache };
    const host: Host = {
      getCompilationSettings: () => this.#options,
      getCurrentDirectory: () => cwd,
      getDefaultLibFileName: ts.getDefaultLibFilePath,
      getScriptFileNames: () => [...virtual.keys()],
      getScriptVersion: (path) => {
        const cell = virtual.get(path);
        if (cell) return String(cell.version);
        return path.includes("/node_modules/") ? "1" : diskVersion(path);
      },
      getScriptSnapshot: (path) => {
        const cell = virtual.get(path);
        if (cell) return ts.ScriptSnapshot.fromString(cell.text);
        const version = path.includes("/node_modules/") ? "1" : diskVersion(path);
        const known = this.#disk.get(path);
        if (known?.version === version) return known.snapshot;
        const text = ts.sys.readFile(path);
        if (text === undefined) return undefined;
        const snapshot = ts.ScriptSnapshot.fromString(text);
        this.#disk.set(path, { version, snapshot });
        return snapshot;
      },
      fileExists: (path) => virtual.has(path) || ts.sys.fileExists(path),
      readFile: (path, encoding) => virtual.get(path)?.text ?? ts.sys.readFile(path, encoding),
      readDirectory: ts.sys.readDirectory,
      directoryExists: ts.sys.directoryExists,
      getDirectories: ts.sys.getDirectories,
      realpath: ts.sys.realpath,
      // Without it every new program reads the package.json of every file again.
      getModuleResolutionCache: () => cache,
      resolveModuleNameLiterals: (literals, from, _redirect, options, file) =>
        literals.map((l) => resolve(l.text, from, ts.getModeForUsageLocation(file, l, options))),
    };
    return host;
  }
}

function found(path: string): ts.ResolvedModuleFull {
  const extension = path.endsWith(".d.ts") ? ts.Extension.Dts : ts.Extension.Ts;
  return { resolvedFileName: path, extension, isExternalLibraryImport: false };
}

function diskVersion(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.mtimeMs}.${stat.size}` : "gone";
}
