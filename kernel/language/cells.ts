/**
 * The notebook as a TypeScript program: each cell that ran is a module, in a slot of the compiler, and a new cell is checked as a module that
 * imports the names it mentions from the cells that declared them last. So types are exactly those that TypeScript inferred, a name can be
 * declared again as anything, and cells that nothing refers to are dropped.
 */
import ts = require("typescript");

import type { CheckReply } from "../messages.js";
import { Compiler, HUB, slotName } from "./compiler.js";
import { diagnosticsFailure } from "./diagnostics.js";
import { explain, explainSyntax } from "./explain.js";
import { declareAny } from "./failed-names.js";
import { assignedFields } from "./fields.js";
import { type CellForm, cellForm, errorsOf, listedExports, refusedExport } from "./forms.js";
import { cellNames, type Declared, parseCell } from "./names.js";
import { rewriteCell } from "./rewrite.js";
import { cellName, isGlobal, runtimeName } from "./shadow.js";
import { Expandos, type Resolver, withoutTolerated } from "./tolerance.js";
import { wordingOf } from "./wording.js";

/** What a name means now, and the slot of the cell that declared it. */
interface Meaning {
  readonly cell: number;
  readonly declared: Declared;
}

const WORD = /[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*/gu;
const GLOBAL = /\bglobalThis\.([\p{ID_Start}$_][\p{ID_Continue}$]*)\s*(?:\?\?|\|\|)?=(?!=)/gu;
/** The import of a .tsx file. The engine compiles it, so the option `jsx` does not matter here. */
const NO_JSX = 6142;
/** Errors that do not apply in a cell: `import x = require()`; a name of the header that an earlier cell imported as a type. */
const ALLOWED = new Set([1202, 1379, 1380, NO_JSX]);
/** A `// @strict` among the comments at the top of a cell. */
const STRICT = /^(?:\s|\/\*[\s\S]*?\*\/|\/\/.*)*?\/\/\s*@strict[ \t]*(?:[\r\n]|$)/;
const NAMESPACE = new Set([2503, 2702, 2713]);
/** A `// @ts-nocheck` among the comments at the top of a cell. */
const UNCHECKED = /^(?:\s|\/\*[\s\S]*?\*\/|\/\/.*)*?\/\/\s*@ts-nocheck\b/;

export class Cells {
  readonly compiler: Compiler;
  readonly #names = new Map<string, Meaning>();
  /** Cells in the program, with the cells that each refers to. */
  readonly #cells = new Map<number, { refersTo: ReadonlySet<number>; keep: boolean; label: string }>();
  /** Names that are declared only in cells that failed their check, with the last such cell. */
  readonly #failed = new Map<string, string>();
  /** Names that have no value, since the cell that declares them failed before; with the last such cell. */
  readonly #unassigned = new Map<string, string>();
  readonly #expandos = new Expandos();
  /** Whether some cell has a variable that runs under another name (shadow.ts). */
  #renames = false;
  /** Names assigned by `globalThis.x = …`. */
  readonly #globals = new Set<string>();
  /** Cells with lasting effects besides names: `// @strict`, a reference, `globalThis.x = …`, a property added to an earlier value. */
  readonly #settings = new Set<string>();
  /** Labels of checked cells that were not yet reported as dropped. */
  readonly #checked = new Set<string>();
  /** The label of the last checked cell. */
  #label = "";
  /** What the names of the last checked cell meant before it. */
  #before = new Map<string, Meaning | undefined>();

  constructor(cwd: string) {
    this.compiler = new Compiler(cwd);
  }

  /** Checks a cell and compiles it. Its names are known from then on. */
  check(code: string, label: string): CheckReply {
    this.#before = new Map();
    this.#label = label;
    const form = cellForm(code);
    const alone = parseCell(form.prefix + form.text);
    const { strict, references } = this.compiler;
    const settings = this.#globals.size + this.#expandos.count;
    const reply = this.#check(alone, form, code, label);
    if ("failure" in reply) {
      // A failed cell has no effect on the compiler's settings.
      this.compiler.strict = strict;
      this.compiler.references = references;
      this.#rememberFailed(alone, label);
    }
    const changed = this.#globals.size + this.#expandos.count !== settings || this.compiler.references !== references;
    if (changed || this.compiler.strict !== strict) this.#settings.add(label);
    this.#checked.add(label);
    return { ...reply, dropped: this.#dropped() };
  }

  /** Labels of cells that a restarted language thread need not read again. */
  #dropped(): string[] {
    const inProgram = [...this.#cells.values()].map(({ label }) => label);
    const needed = new Set([...inProgram, ...this.#settings, ...this.#failed.values(), ...this.#unassigned.values()]);
    const dropped = [...this.#checked].filter((label) => !needed.has(label));
    for (const label of dropped) this.#checked.delete(label);
    return dropped;
  }

  #check(alone: ts.SourceFile, { prefix, text, original }: CellForm, code: string, label: string): CheckReply {
    // 1. Syntax, and what a cell cannot do.
    const syntax = errorsOf(alone);
    if (syntax.length) return { failure: diagnosticsFailure(explainSyntax(syntax, code, this.compiler.cwd), code, label, 0) };
    const refusal = refused(alone);
    if (refusal) return { failure: diagnosticsFailure([refusal], code, label, 0) };

    // 2. Settings at the top of the cell. After a prefix, references would be plain comments.
    if (STRICT.test(text)) this.compiler.strict = true;
    this.#addReferences(prefix ? parseCell(text) : alone);

    // 3. Write it into a slot, as a module: header, text, exports.
    const { names, live, consts, augments } = cellNames(alone);
    const slot = this.compiler.take();
    const words = new Set(code.match(WORD));
    const { header, refersTo, failed } = this.#header((name) => words.has(name) && !names.has(name));
    const path = this.compiler.slotPath(slot);
    const start = header.length + prefix.length + 1;
    const already = exported(alone);
    const exports = [...names.keys()].filter((n) => !already.has(n)).join(", ");
    const whole = `${header}${prefix}\n${text}\nexport { ${exports} };`;
    this.compiler.write(path, whole);
    this.compiler.clearDraft();
    const variables = new Set([...live].map(runtimeName));
    let ready = false;
    try {
      // 4. Types. What certainly runs is tolerated.
      let program = this.compiler.program();
      let file = program.getSourceFile(path)!;
      let errors = UNCHECKED.test(text) ? [] : program.getSemanticDiagnostics(file).filter(isError);
      if (errors.length && !this.compiler.strict) {
        const fields = assignedFields(errors, file);
        if (fields) {
          this.compiler.write(path, `${whole} ${fields}`);
          program = this.compiler.program();
          file = program.getSourceFile(path)!;
          errors = program.getSemanticDiagnostics(file).filter(isError);
        }
        errors = withoutTolerated(errors, program, this.#expandos);
      }
      const used = (d: ts.Diagnostic): string => file.text.slice(d.start, (d.start ?? 0) + (d.length ?? 0));
      // In `ts.Node`, `ts` may come from a failed cell: it is `any`, which is not a namespace.
      if (failed.size) errors = errors.filter((d) => !(NAMESPACE.has(d.code) && failed.has(used(d))));
      if (errors.length) {
        const reworded = (d: ts.Diagnostic): ts.Diagnostic => {
          const explained = this.#unassigned.has(used(d)) ? d : explain(d, code, this.compiler.cwd);
          return explained === d ? { ...d, messageText: wordingOf(d, program, this.#unassigned) ?? d.messageText } : explained;
        };
        const place = (at: number): number => (at < header.length ? -1 : original(Math.max(0, at - start)));
        const found = errors.map((d) => ({ ...reworded(d), start: start + place(d.start ?? 0) }));
        return { failure: diagnosticsFailure(found, code, label, start) };
      }

      // 5. Rewrite it as JavaScript.
      for (const [, name] of code.matchAll(GLOBAL)) if (!isGlobal(name!)) this.#globals.add(name!);
      this.#renames ||= [...live].some((name) => runtimeName(name) !== name);
      const narrowed = narrowable(program, file, consts);
      const end = start + text.length;
      const { js, map } = rewriteCell({
        program,
        file,
        start: header.length,
        end,
        label,
        live: variables,
        renames: this.#renames,
        failed,
      });

      // 6. Its names have a new meaning.
      ready = true;
      this.#cells.set(slot, { refersTo, keep: augments, label });
      this.#before = new Map([...names.keys()].map((n) => [n, this.#names.get(n)]));
      for (const [name, declared] of names) {
        this.#names.set(name, { cell: slot, declared: narrowed.has(name) ? { kind: "narrowed" } : declared });
        this.#failed.delete(name);
        this.#unassigned.delete(name);
      }
      this.#sweep();
      return { cell: { label, js, map, code, names: [...variables] } };
    } finally {
      if (!ready) this.compiler.release(slot);
    }
  }

  /** Adds the references above the cell's first statement, such as `/// <reference lib="dom" />`. They apply to the whole program. */
  #addReferences(alone: ts.SourceFile): void {
    const all = new Set(this.compiler.references.split("\n").filter(Boolean));
    for (const { fileName } of alone.libReferenceDirectives) all.add(`/// <reference lib="${fileName}" />`);
    for (const { fileName } of alone.typeReferenceDirectives) all.add(`/// <reference types="${fileName}" />`);
    for (const { fileName } of alone.referencedFiles) all.add(`/// <reference path="${fileName}" />`);
    this.compiler.references = [...all].map((line) => `${line}\n`).join("");
  }

  /** Remembers the names of a cell that failed its check, except those that have an earlier meaning. */
  #rememberFailed(alone: ts.SourceFile, label: string): void {
    const names = [...cellNames(alone).names.keys()].filter((n) => n && !this.#names.has(n) && !isGlobal(n));
    if (!names.length) return;
    const checker = this.compiler.program().getTypeChecker() as unknown as Resolver;
    const any = ts.SymbolFlags.Value | ts.SymbolFlags.Type | ts.SymbolFlags.Namespace;
    for (const name of names) if (!checker.resolveName(name, undefined, any, false)) this.#failed.set(name, label);
  }

  /** The last checked cell failed before it assigned these variables: they get their earlier meaning back. */
  revert(variables: readonly string[]): void {
    this.#revert(variables.map(cellName));
  }

  #revert(names: Iterable<string>): void {
    for (const name of names) {
      const before = this.#before.get(name);
      if (before) this.#names.set(name, before);
      else if (this.#names.delete(name)) this.#unassigned.set(name, this.#label);
    }
  }

  /** The cell, if it was the last one checked, will not run. */
  undo(label: string): void {
    if (label === this.#label) this.#revert(this.#before.keys());
  }

  reset(): void {
    this.#names.clear();
    this.#before.clear();
    this.#failed.clear();
    this.#unassigned.clear();
    this.#globals.clear();
    this.#settings.clear();
    this.#checked.clear();
    this.compiler.strict = false;
    this.compiler.references = "";
    this.#sweep();
  }

  /** Writes the draft: `code` with the earlier names that it mentions, and those that `also` accepts. Returns where the code starts in it. */
  draft(code: string, also: (name: string) => boolean = () => false): number {
    const own = cellNames(parseCell(code)).names;
    const words = new Set(code.match(WORD));
    const { header } = this.#header((name) => !own.has(name) && (words.has(name) || also(name)));
    this.compiler.write(this.compiler.draft, `${header}\n${code}`);
    return header.length + 1;
  }

  /** One line that imports or declares earlier names. It imports only the hub, so that the program's list of imports stays the same. */
  #header(wanted: (name: string) => boolean): {
    header: string;
    refersTo: Set<number>;
    failed: ReadonlyMap<string, string>;
  } {
    const refersTo = new Set<number>();
    const failed = new Map([...this.#failed].filter(([name]) => wanted(name)));
    const lines = [...failed.keys()].map(declareAny);
    for (const name of this.#globals)
      if (wanted(name) && !this.#names.has(name) && !failed.has(name)) lines.push(`declare var ${name}: any;`);
    for (const [name, { cell, declared }] of this.#names) {
      if (!wanted(name)) continue;
      refersTo.add(cell);
      const there = `${slotName(cell)}.${name}`;
      if (declared.kind === "variable") lines.push(`declare let ${name}: typeof ${there};`);
      else if (declared.kind === "narrowed") lines.push(`declare const ${name}: typeof ${there};`);
      else lines.push(`import ${name} = ${there};`);
    }
    const header = `import { ${[...refersTo].map(slotName).join(", ")} } from "${HUB}"; ${lines.join(" ")}`;
    return { header, refersTo, failed };
  }

  /** Drops cells that no name leads to. Names in `#before` count too, since they may be reverted. */
  #sweep(): void {
    const reached = new Set<number>();
    const reach = (cell: number): void => {
      if (reached.has(cell)) return;
      reached.add(cell);
      for (const next of this.#cells.get(cell)?.refersTo ?? []) reach(next);
    };
    for (const { cell } of this.#names.values()) reach(cell);
    for (const meaning of this.#before.values()) if (meaning) reach(meaning.cell);
    for (const [cell, { keep }] of this.#cells) if (keep) reach(cell);
    for (const cell of this.#cells.keys()) {
      if (reached.has(cell)) continue;
      this.#cells.delete(cell);
      this.compiler.release(cell);
    }
  }
}

const isError = (d: ts.Diagnostic): boolean => d.category === ts.DiagnosticCategory.Error && !ALLOWED.has(d.code);

/**
 * The constants that later cells declare instead of importing, since TypeScript does not keep the narrowing of an import inside a function. A
 * constant that is a literal (`const n = 0`) stays an import: declared as `typeof n`, it would give `let i = n` the type 0.
 */
function narrowable(program: ts.Program, file: ts.SourceFile, consts: ReadonlySet<string>): Set<string> {
  if (!consts.size) return new Set();
  const checker = program.getTypeChecker();
  const isFresh = (type: ts.Type): boolean =>
    type.isUnion()
      ? type.types.some(isFresh)
      : (type as ts.LiteralType).freshType === type || (type.flags & ts.TypeFlags.UniqueESSymbol) !== 0;
  const isOnlyFunction = (type: ts.Type): boolean => !type.isUnion() && type.getCallSignatures().length > 0;
  const locals = (file as unknown as { locals?: ReadonlyMap<string, ts.Symbol> }).locals;
  const found = new Set<string>();
  for (const name of consts) {
    const symbol = locals?.get(name);
    if (!symbol) continue;
    const type = checker.getTypeOfSymbol(symbol);
    if (!isFresh(type) && !isOnlyFunction(type)) found.add(name);
  }
  return found;
}

/** Names that the cell exports itself. */
function exported(file: ts.SourceFile): Set<string> {
  const found = new Set<string>(listedExports(file));
  for (const s of file.statements) {
    const modifiers = ts.canHaveModifiers(s) ? ts.getModifiers(s) : undefined;
    if (!modifiers?.some((m) => m.kind === ts.SyntaxKind.ExportKeyword)) continue;
    if (modifiers.some((m) => m.kind === ts.SyntaxKind.DefaultKeyword)) continue; // It is exported as `default`.
    for (const name of cellNames({ statements: [s] } as unknown as ts.SourceFile).names.keys()) found.add(name);
  }
  return found;
}

/** An error for what TypeScript accepts but a cell cannot do. */
function refused(file: ts.SourceFile): ts.DiagnosticWithLocation | undefined {
  const say = (node: ts.Node, messageText: string): ts.DiagnosticWithLocation => ({
    file,
    start: node.getStart(file),
    length: node.getWidth(file),
    category: ts.DiagnosticCategory.Error,
    code: 0,
    messageText,
  });
  const { using } = cellNames(file);
  if (using) {
    return say(
      using,
      "`using` at the top level of a cell is refused: it would dispose of the value when the cell ends, before a later cell can use it. " +
        "Use `const`, and dispose of it yourself; or put `using` inside a block or a function.",
    );
  }
  const found = refusedExport(file);
  if (found) return say(found.node, found.why);
  return undefined;
}
