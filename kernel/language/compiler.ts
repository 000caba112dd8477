/**
 * One TypeScript LanguageService for the notebook. Cells and a draft are virtual files in the notebook's folder, so that imports resolve as for
 * a file there. `sparselab`, `tslab` and Node's types are found in this package, from any folder.
 *
 * A new cell is cheap: TypeScript reuses the structure of the last program as long as the list of files, and what each imports, is unchanged.
 * So cells are written into slots that exist from the start, and all of them import one file only, the hub, which exports every slot by
 * name: `import { __cell_3 } from "./__cell_hub"`.
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

/** Modules that a cell finds in this package, from any folder. */
const OWN_TYPES: Readonly<Record<string, string>> = {
  sparselab: join(dist, "lab/index.d.ts"),
  "sparselab/notebook": join(dist, "kernel/notebook/index.d.ts"),
  tslab: join(dist, "kernel/engine/tslab.d.ts"),
};

/** TypeScript's full `strict`, for `// @strict`. */
const STRICT: ts.CompilerOptions = {
  strict: true,
  strictNullChecks: true,
  strictPropertyInitialization: true,
  useUnknownInCatchVariables: true,
  noImplicitAny: true,
  noImplicitThis: true,
};
/**
 * A cell is a scratch pad: `const xs = []` and `let best = null` get their real type later, so they start as `any`.
 * (Turning noImplicitAny on and dropping its errors does not work: then `let best = null` stays null where a closure assigns it.)
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
/** Slots in the first program. Their number is doubled whenever all are taken. */
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
  /** Files of the user with an import that was not found; it is looked for again each time. */
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
      // Without what the running Node lacks: `node-lib.ts`.
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
    // Keeps the lab's types in the program even while no cell imports them.
    this.write(this.path("keep.ts"), 'import "sparselab";');
    this.#grow(SLOTS);
    this.service = ts.createLanguageService(this.#host(), documents(cwd));
  }

  /** Whether TypeScript's full `strict` is on, for the whole program: options apply to all its files. */
  get strict(): boolean {
    return this.#options.strictNullChecks === true;
  }
  set strict(on: boolean) {
    if (on !== this.strict) this.#options = { ...this.#options, ...(on ? STRICT : SCRATCH_PAD) };
  }

  /** Directives such as `/// <reference lib="dom" />`, one a line. */
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

  /** The file in which completion and help look. */
  get draft(): string {
    return this.path("draft.ts");
  }

  write(path: string, text: string): void {
    if (this.#virtual.get(path)?.text === text) return;
    this.#virtual.set(path, { text, version: ++this.#version });
    this.#unresolved.delete(path);
  }

  /** A free slot; `slotPath` gives its file. */
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

  /** Empties the draft, so that it has no effect on the check of a cell. */
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
    // 1. Module resolution.
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
      // Only the imports of packages are cached: what a cell or the user's own file imports may appear or move at any time.
      if (isSettled(from)) return ts.resolveModuleName(name, from, this.#options, moduleHost, cache, undefined, mode);
      const resolved = ts.resolveModuleName(name, from, this.#options, moduleHost, undefined, undefined, mode);
      // A large JSON file counts as JavaScript, which TypeScript does not read here: its imports are `any`.
      const json = resolved.resolvedModule;
      if (json?.extension === ts.Extension.Json && isLargeJson(json.resolvedFileName)) {
        return { resolvedModule: { ...json, extension: ts.Extension.Js } };
      }
      if (!resolved.resolvedModule) this.#unresolved.add(from);
      return resolved;
    };
    const version = (path: string): string => (isSettled(path) ? "1" : diskVersion(path));

    // 2. Files: cells and the draft are virtual, all others are on the disk.
    /** TypeScript uses these, but does not declare them. */
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
        // It became large after it was imported. The next import gives `any`.
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
      // Without this every new program would read the package.json of every file again.
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

/** Whether a file does not change while the kernel runs: those of packages, and the lab's. */
const isSettled = (path: string): boolean => path.includes("/node_modules/") || path.startsWith(dist);

/**
 * The cache of parsed files. The types of Node and of the language are mostly comments, which take longer to parse than all the rest: they are
 * skipped, and `documentation.ts` reads a comment when it is needed.
 */
function documents(cwd: string): ts.DocumentRegistry {
  const create = ts.createDocumentRegistry as (c: boolean, d: string, mode?: ts.JSDocParsingMode) => ts.DocumentRegistry;
  const mode = ts.JSDocParsingMode.ParseNone;
  const full = create(ts.sys.useCaseSensitiveFileNames, cwd);
  const bare = create(ts.sys.useCaseSensitiveFileNames, cwd, mode);
  const of = (path: string): ts.DocumentRegistry => (isParsedBare(path) ? bare : full);
  type Options = ts.CreateSourceFileOptions | ts.ScriptTarget | undefined;
  const options = (path: string, given: Options): Options =>
    isParsedBare(path) && typeof given === "object" ? { ...given, jsDocParsingMode: mode } : given;
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

/** Whether a file was parsed without its comments. */
export const isParsedBare = (path: string): boolean =>
  /\/node_modules\/(?:@types\/node|undici-types|typescript\/lib)\//.test(path);

function found(path: string): ts.ResolvedModuleFull {
  const extension = path.endsWith(".d.ts") ? ts.Extension.Dts : ts.Extension.Ts;
  return { resolvedFileName: path, extension, isExternalLibraryImport: false };
}

/** Bytes from which a JSON file is imported as `any`: one of 2 MB would slow every cell by a second, one of 60 MB take all memory. */
const LARGE_JSON = 256 << 10;

const isLargeJson = (path: string): boolean =>
  path.endsWith(".json") && (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > LARGE_JSON;

function diskVersion(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.mtimeMs}.${stat.size}` : "gone";
}
