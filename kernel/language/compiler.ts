/**
 * One TypeScript LanguageService for the notebook: cells and a draft are files that exist only here, in the notebook's folder, so that
 * imports resolve as they would for a file there. `sparselab`, `tslab` and Node's types are found in this package, from any folder.
 *
 * What makes a new cell cheap: TypeScript takes over the whole structure of the last program where the list of files and what each imports
 * stay as they were. So cells are written into slots that exist from the start, and all of them import one file only, the hub, which
 * passes on every slot by its name: `import { __cell_3 } from "./__cell_hub"`.
 */
import { statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import ts = require("typescript");

import { GLOBAL_TYPES } from "./globals.js";
import { followsNode, textForNode, webAssemblyTypes } from "./node-lib.js";

const own = createRequire(import.meta.url);
/** The folder of compiled code: this file is `dist/kernel/language/compiler.js`. */
const dist = fileURLToPath(new URL("../../", import.meta.url));

/** Modules that a cell finds in this package, whatever folder it runs in. */
const OWN_TYPES: Readonly<Record<string, string>> = {
  sparselab: join(dist, "lab/index.d.ts"),
  "sparselab/notebook": join(dist, "kernel/notebook/index.d.ts"),
  tslab: join(dist, "kernel/engine/tslab.d.ts"),
};

/** TypeScript's own `strict`, which a cell asks for by `// @strict`. */
const STRICT: ts.CompilerOptions = {
  strict: true,
  strictNullChecks: true,
  strictPropertyInitialization: true,
  useUnknownInCatchVariables: true,
  noImplicitAny: true,
  noImplicitThis: true,
};
/**
 * A cell is a scratch pad: what is only begun (`const xs = []`, `let best = null`) has no type that could be held against it yet.
 * (noImplicitAny with its errors dropped is no way: under it `let best = null` is null for good where a closure assigns it.)
 */
const SCRATCH_PAD: ts.CompilerOptions = {
  strict: true,
  strictNullChecks: false,
  strictPropertyInitialization: false,
  useUnknownInCatchVariables: false,
  noImplicitAny: false,
  noImplicitThis: false,
};

const CELL = "__cell_";
/** The file through which cells see each other. */
export const HUB = `./${CELL}hub`;
const EMPTY = `import {} from "${HUB}"; export {};`;
/** Slots in the first program; twice as many whenever they are all taken. */
const SLOTS = 64;

/** The name under which a slot is imported from the hub. */
export const slotName = (slot: number): string => `${CELL}${slot}`;

export class Compiler {
  readonly cwd: string;
  #options: ts.CompilerOptions;
  #references: string | undefined;
  readonly #virtual = new Map<string, { text: string; version: number }>();
  readonly #disk = new Map<string, { version: string; snapshot: ts.IScriptSnapshot }>();
  #version = 0;
  #slots = 0;
  readonly #free: number[] = [];
  /** Files of the user with an import that was not found: it may be there by now. */
  readonly #unresolved = new Set<string>();
  readonly service: ts.LanguageService;

  constructor(cwd: string) {
    this.cwd = cwd;
    this.#options = {
      target: ts.ScriptTarget.ES2024,
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      moduleDetection: ts.ModuleDetectionKind.Force,
      customConditions: ["node"],
      // Of these, what the running Node has: `node-lib.ts`.
      lib: ["lib.esnext.d.ts"],
      types: ["node"],
      typeRoots: [dirname(dirname(own.resolve("@types/node/package.json")))],
      ...SCRATCH_PAD,
      skipLibCheck: true,
      esModuleInterop: true,
      resolveJsonModule: true,
      allowImportingTsExtensions: true,
      preserveConstEnums: true,
      removeComments: true,
      sourceMap: true,
      newLine: ts.NewLineKind.LineFeed,
    };
    this.references = "";
    this.write(this.draft, EMPTY);
    // Read once, and kept while no cell imports it.
    this.write(this.path("keep.ts"), 'import "sparselab";');
    this.#grow(SLOTS);
    this.service = ts.createLanguageService(this.#host(), documents(cwd));
  }

  /** Whether TypeScript's `strict` holds, for the whole program: options belong to all files of it. */
  get strict(): boolean {
    return this.#options.strictNullChecks === true;
  }
  set strict(on: boolean) {
    if (on !== this.strict) this.#options = { ...this.#options, ...(on ? STRICT : SCRATCH_PAD) };
  }

  /** `/// <reference lib="dom" />` and the like, a line each. */
  get references(): string {
    return this.#references ?? "";
  }
  set references(lines: string) {
    if (lines === this.#references) return;
    this.#references = lines;
    const own = /lib="(?:dom|webworker)"/.test(lines) ? "" : webAssemblyTypes();
    this.write(this.path("globals.d.ts"), `${lines}${GLOBAL_TYPES}${own}`);
  }

  path(name: string): string {
    return join(this.cwd, CELL + name).replaceAll("\\", "/");
  }

  /** The file that completion and help look at. */
  get draft(): string {
    return this.path("draft.ts");
  }

  write(path: string, text: string): void {
    if (this.#virtual.get(path)?.text === text) return;
    this.#virtual.set(path, { text, version: ++this.#version });
    this.#unresolved.delete(path);
  }

  /** A slot for a cell; `path` of it is the cell's file. */
  take(): number {
    if (!this.#free.length) this.#grow(this.#slots);
    return this.#free.pop()!;
  }

  release(slot: number): void {
    this.write(this.slotPath(slot), EMPTY);
    this.#free.push(slot);
  }

  slotPath(slot: number): string {
    return this.path(`${slot}.ts`);
  }

  /** What is only being typed is forgotten: it must not bear on what runs. */
  clearDraft(): void {
    this.write(this.draft, EMPTY);
  }

  #grow(count: number): void {
    const fresh = Array.from({ length: count }, (_, i) => this.#slots + i);
    for (const slot of fresh) this.write(this.slotPath(slot), EMPTY);
    this.#slots += count;
    this.#free.push(...fresh.reverse());
    const all = Array.from({ length: this.#slots }, (_, i) => `export * as ${slotName(i)} from "./${slotName(i)}";`);
    this.write(this.path("hub.ts"), all.join("\n"));
  }

  program(): ts.Program {
    const program = this.service.getProgram();
    if (!program) throw new Error("TypeScript made no program");
    return program;
  }

  #host(): ts.LanguageServiceHost {
    const cwd = this.cwd;
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
      const types = OWN_TYPES[name];
      if (types && ts.sys.fileExists(types)) return { resolvedModule: found(types) };
      if (name.startsWith(`./${CELL}`)) return { resolvedModule: found(`${join(dirname(from), name)}.ts`) };
      // What a cell or the user's own file imports may appear or move while the notebook is open: only packages are remembered.
      if (isSettled(from)) return ts.resolveModuleName(name, from, this.#options, moduleHost, cache, undefined, mode);
      const resolved = ts.resolveModuleName(name, from, this.#options, moduleHost, undefined, undefined, mode);
      // As JavaScript, of which TypeScript reads nothing here: whatever is imported from it is any.
      const json = resolved.resolvedModule;
      if (json?.extension === ts.Extension.Json && isLargeJson(json.resolvedFileName)) {
        return { resolvedModule: { ...json, extension: ts.Extension.Js } };
      }
      if (!resolved.resolvedModule) this.#unresolved.add(from);
      return resolved;
    };
    const version = (path: string): string => (isSettled(path) ? "1" : diskVersion(path));

    /** TypeScript's own hosts have these too, though they are not among the declared. */
    type Host = ts.LanguageServiceHost & {
      getModuleResolutionCache(): ts.ModuleResolutionCache;
      hasInvalidatedResolutions(path: string): boolean;
    };
    const host: Host = {
      getCompilationSettings: () => this.#options,
      useCaseSensitiveFileNames: () => ts.sys.useCaseSensitiveFileNames,
      getCurrentDirectory: () => cwd,
      getDefaultLibFileName: ts.getDefaultLibFilePath,
      getScriptFileNames: () => [...virtual.keys()],
      getScriptVersion: (path) => {
        const cell = virtual.get(path);
        return cell ? String(cell.version) : version(path);
      },
      getScriptSnapshot: (path) => {
        const cell = virtual.get(path);
        if (cell) return ts.ScriptSnapshot.fromString(cell.text);
        // It grew since it was imported: the next cell that imports it has it as any.
        if (isLargeJson(path)) return ts.ScriptSnapshot.fromString("null");
        const now = version(path);
        const known = this.#disk.get(path);
        if (known?.version === now) return known.snapshot;
        const text = ts.sys.readFile(path);
        if (text === undefined) return undefined;
        const snapshot = ts.ScriptSnapshot.fromString(followsNode(path) ? textForNode(text) : text);
        this.#disk.set(path, { version: now, snapshot });
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
      hasInvalidatedResolutions: (path) => this.#unresolved.has(path),
      resolveModuleNameLiterals: (literals, from, _redirect, options, file) => {
        this.#unresolved.delete(from);
        return literals.map((l) => resolve(l.text, from, ts.getModeForUsageLocation(file, l, options)));
      },
    };
    return host;
  }
}

/** Files that do not change while the kernel runs: those of packages, and this one's own. */
const isSettled = (path: string): boolean => path.includes("/node_modules/") || path.startsWith(dist);

/**
 * Where parsed files are kept. Those of Node and of the language itself are mostly comments, which cost more than all the rest to parse: they
 * are left for `documentation.ts` to read when somebody asks.
 */
function documents(cwd: string): ts.DocumentRegistry {
  const create = ts.createDocumentRegistry as (c: boolean, d: string, mode?: ts.JSDocParsingMode) => ts.DocumentRegistry;
  const mode = ts.JSDocParsingMode.ParseNone;
  const full = create(ts.sys.useCaseSensitiveFileNames, cwd);
  const bare = create(ts.sys.useCaseSensitiveFileNames, cwd, mode);
  const of = (path: string): ts.DocumentRegistry => (isBare(path) ? bare : full);
  type Options = ts.CreateSourceFileOptions | ts.ScriptTarget | undefined;
  const options = (path: string, given: Options): Options =>
    isBare(path) && typeof given === "object" ? { ...given, jsDocParsingMode: mode } : given;
  return {
    ...full,
    acquireDocumentWithKey: (name, path, settings, key, text, version, kind, given) =>
      of(path).acquireDocumentWithKey(name, path, settings, key, text, version, kind, options(path, given)),
    updateDocumentWithKey: (name, path, settings, key, text, version, kind, given) =>
      of(path).updateDocumentWithKey(name, path, settings, key, text, version, kind, options(path, given)),
    releaseDocumentWithKey: (path: ts.Path, key: ts.DocumentRegistryBucketKey, kind: ts.ScriptKind, format?: ts.ResolutionMode) =>
      of(path).releaseDocumentWithKey(path, key, kind, format),
  };
}

/** Whether the comments of a file were left out when it was parsed. */
export const isBare = (path: string): boolean => /\/node_modules\/(?:@types\/node|undici-types|typescript\/lib)\//.test(path);

function found(path: string): ts.ResolvedModuleFull {
  const extension = path.endsWith(".d.ts") ? ts.Extension.Dts : ts.Extension.Ts;
  return { resolvedFileName: path, extension, isExternalLibraryImport: false };
}

/** Bytes of JSON whose exact type is worth its time: a type of 2 MB slows every cell by a second, one of 60 MB takes all memory. */
const LARGE_JSON = 256 << 10;

const isLargeJson = (path: string): boolean =>
  path.endsWith(".json") && (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > LARGE_JSON;

function diskVersion(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.mtimeMs}.${stat.size}` : "gone";
}
