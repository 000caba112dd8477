/**
 * The notebook as a program: each cell that ran is a module of its own, in a slot of the compiler, and a new cell is checked as a module
 * that imports the names it mentions from the cells that declared them last. So types are the exact ones TypeScript inferred, a name can be declared again as anything,
 * and what nobody refers to any more is dropped.
 */
import ts = require("typescript");

import type { CheckReply } from "../messages.js";
import { Compiler, HUB, slotName } from "./compiler.js";
import { diagnosticsFailure } from "./diagnostics.js";
import { explain, explainSyntax } from "./explain.js";
import { cellForm, errorsOf, listedExports, refusedExport } from "./forms.js";
import { cellNames, type Declared, parseCell } from "./names.js";
import { rewriteCell } from "./rewrite.js";
import { cellName, runtimeName } from "./shadow.js";

/** What a name means now, and the cell that gave it this meaning. */
interface Meaning {
  readonly cell: number;
  readonly declared: Declared;
}

const WORD = /[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*/gu;
/** A .tsx file is imported: it is compiled by the engine, whatever the options here say of JSX. */
const NO_JSX = 6142;
/** Errors of modules that are none in a cell: `import x = require()`; a name of the header that an earlier cell imported as a type. */
const ALLOWED = new Set([1202, 1379, 1380, NO_JSX]);
/** A `// @ts-nocheck` among the comments at the top of a cell. */
const UNCHECKED = /^(?:\s|\/\*[\s\S]*?\*\/|\/\/.*)*?\/\/\s*@ts-nocheck\b/;

export class Cells {
  readonly compiler: Compiler;
  readonly #names = new Map<string, Meaning>();
  /** Cells in the program, with the cells that each refers to. */
  readonly #cells = new Map<number, { refersTo: ReadonlySet<number>; keep: boolean; label: string }>();
  /** The label of the last checked cell. */
  #last = "";
  /** What the last checked cell's names meant before it. */
  #before = new Map<string, Meaning | undefined>();

  constructor(cwd: string) {
    this.compiler = new Compiler(cwd);
  }

  /** Checks a cell and makes it ready to run; its names are known from here on. */
  check(code: string, label: string): CheckReply {
    this.#before = new Map();
    this.#last = label;
    const { prefix, text, original } = cellForm(code);
    const alone = parseCell(prefix + text);
    const syntax = errorsOf(alone);
    if (syntax.length) return { failure: diagnosticsFailure(explainSyntax(syntax, code, this.compiler.cwd), code, label, 0) };
    const refusal = refused(alone);
    if (refusal) return { failure: diagnosticsFailure([refusal], code, label, 0) };

    const { names, live, augments } = cellNames(alone);
    const slot = this.compiler.take();
    const words = new Set(code.match(WORD));
    const { header, refersTo } = this.#header((name) => words.has(name) && !names.has(name));
    const path = this.compiler.slotPath(slot);
    const start = header.length + prefix.length + 1;
    const already = exported(alone);
    const exports = [...names.keys()].filter((n) => !already.has(n)).join(", ");
    this.compiler.write(path, `${header}${prefix}\n${text}\nexport { ${exports} };`);
    this.compiler.clearDraft();
    const variables = new Set([...live].map(runtimeName));
    let ready = false;
    try {
      const program = this.compiler.program();
      const file = program.getSourceFile(path)!;
      const errors = UNCHECKED.test(code) ? [] : program.getSemanticDiagnostics(file).filter(isError);
      if (errors.length) {
        const shown = errors.map((d) => ({
          ...explain(d, code, this.compiler.cwd),
          start: start + ((d.start ?? 0) < start ? -1 : original((d.start ?? 0) - start)),
        }));
        return { failure: diagnosticsFailure(shown, code, label, start) };
      }
      const { js, map } = rewriteCell({ program, file, start: header.length, end: start + text.length, label, live: variables });
      ready = true;
      this.#cells.set(slot, { refersTo, keep: augments, label });
      this.#before = new Map([...names.keys()].map((n) => [n, this.#names.get(n)]));
      for (const [name, declared] of names) this.#names.set(name, { cell: slot, declared });
      const dropped = this.#sweep();
      return { cell: { label, js, map, code, names: [...variables] }, dropped };
    } finally {
      if (!ready) this.compiler.release(slot);
    }
  }

  /** The cell failed before it came to these variables: they mean what they meant before it. */
  revert(variables: readonly string[]): void {
    this.#revert(variables.map(cellName));
  }

  #revert(names: Iterable<string>): void {
    for (const name of names) {
      const before = this.#before.get(name);
      if (before) this.#names.set(name, before);
      else this.#names.delete(name);
    }
  }

  /** The last checked cell will not run. */
  undo(label: string): void {
    if (label === this.#last) this.#revert(this.#before.keys());
  }

  reset(): void {
    this.#names.clear();
    this.#before.clear();
    this.#sweep();
  }

  /**
   * Makes the draft: `code` seen with the earlier names that it mentions, and those that `also` says. Returns where the code starts in it.
   */
  draft(code: string, also: (name: string) => boolean = () => false): number {
    const own = cellNames(parseCell(code)).names;
    const words = new Set(code.match(WORD));
    const { header } = this.#header((name) => !own.has(name) && (words.has(name) || also(name)));
    this.compiler.write(this.compiler.draft, `${header}\n${code}`);
    return header.length + 1;
  }

  /** One line that brings earlier names in. Whatever it brings, it imports the hub and nothing else. */
  #header(wanted: (name: string) => boolean): { header: string; refersTo: Set<number> } {
    const refersTo = new Set<number>();
    const lines: string[] = [];
    for (const [name, { cell, declared }] of this.#names) {
      if (!wanted(name)) continue;
      refersTo.add(cell);
      const there = `${slotName(cell)}.${name}`;
      lines.push(declared.kind === "variable" ? `declare let ${name}: typeof ${there};` : `import ${name} = ${there};`);
    }
    return { header: `import { ${[...refersTo].map(slotName).join(", ")} } from "${HUB}"; ${lines.join(" ")}`, refersTo };
  }

  /** Drops cells that no name leads to, and says which. `#before` counts too: a revert may need it. */
  #sweep(): string[] {
    const dropped: string[] = [];
    const reached = new Set<number>();
    const reach = (cell: number): void => {
      if (reached.has(cell)) return;
      reached.add(cell);
      for (const next of this.#cells.get(cell)?.refersTo ?? []) reach(next);
    };
    for (const { cell } of this.#names.values()) reach(cell);
    for (const meaning of this.#before.values()) if (meaning) reach(meaning.cell);
    for (const [cell, { keep }] of this.#cells) if (keep) reach(cell);
    for (const [cell, { label }] of this.#cells) {
      if (reached.has(cell)) continue;
      this.#cells.delete(cell);
      this.compiler.release(cell);
      dropped.push(label);
    }
    return dropped;
  }
}

const isError = (d: ts.Diagnostic): boolean => d.category === ts.DiagnosticCategory.Error && !ALLOWED.has(d.code);

/** Names the cell exports by a modifier of its own. */
function exported(file: ts.SourceFile): Set<string> {
  const found = new Set<string>(listedExports(file));
  for (const s of file.statements) {
    const modifiers = ts.canHaveModifiers(s) ? ts.getModifiers(s) : undefined;
    if (!modifiers?.some((m) => m.kind === ts.SyntaxKind.ExportKeyword)) continue;
    if (modifiers.some((m) => m.kind === ts.SyntaxKind.DefaultKeyword)) continue; // Not under its name.
    for (const name of cellNames({ statements: [s] } as unknown as ts.SourceFile).names.keys()) found.add(name);
  }
  return found;
}

/** What TypeScript accepts and a notebook cannot do. */
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
