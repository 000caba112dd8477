/**
 * The top-level names of a cell: what later cells see, and which become live variables. Only the syntax tree is read.
 */
import ts = require("typescript");

export type Declared =
  /** `let` or `var`: later cells may assign to it. */
  | { readonly kind: "variable" }
  /**
   * "constant": const, function, class, enum, namespace, import. "type": without a value (interface, type alias). "narrowed": a const whose
   * type later cells may narrow.
   */
  | { readonly kind: "constant" | "narrowed" | "type" };

export interface CellNames {
  readonly names: ReadonlyMap<string, Declared>;
  /** Names that have a value when the cell runs: all except types and `declare`d ones. */
  readonly live: ReadonlySet<string>;
  /** A top-level `using` declaration, which is refused. */
  readonly using: ts.Node | undefined;
  /** `const` variables. */
  readonly consts: ReadonlySet<string>;
  /** Whether the cell has `declare global` or `declare module`. */
  readonly augments: boolean;
}

export function parseCell(code: string): ts.SourceFile {
  return ts.createSourceFile(
    "cell.ts",
    code,
    {
      languageVersion: ts.ScriptTarget.ES2024,
      // A cell is a module even without import or export, so that `await` is allowed at its top level.
      setExternalModuleIndicator: (file) => {
        (file as { externalModuleIndicator?: unknown }).externalModuleIndicator = true;
      },
    },
    true,
  );
}

export function bindingNames(name: ts.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((e) => (ts.isOmittedExpression(e) ? [] : bindingNames(e.name)));
}

const isUsing = (list: ts.VariableDeclarationList): boolean =>
  (list.flags & ts.NodeFlags.BlockScoped) === ts.NodeFlags.Using ||
  (list.flags & ts.NodeFlags.BlockScoped) === ts.NodeFlags.AwaitUsing;

export const isVar = (list: ts.VariableDeclarationList): boolean => (list.flags & ts.NodeFlags.BlockScoped) === 0;

const isAmbient = (node: ts.Statement): boolean =>
  ts.canHaveModifiers(node) && !!ts.getModifiers(node)?.some((m) => m.kind === ts.SyntaxKind.DeclareKeyword);

export function cellNames(file: ts.SourceFile): CellNames {
  const names = new Map<string, Declared>();
  const live = new Set<string>();
  const consts = new Set<string>();
  const types = new Set<string>();
  let using: ts.Node | undefined;
  let augments = false;

  const add = (name: string, declared: Declared, ambient = false): void => {
    const before = names.get(name);
    // Where declarations merge (an interface and a class), the one with a value counts.
    if (!before || before.kind === "type") names.set(name, declared);
    if (declared.kind !== "type" && !ambient) live.add(name);
  };

  for (const s of file.statements) {
    const ambient = isAmbient(s);
    if (ts.isImportDeclaration(s)) {
      const clause = s.importClause;
      if (!clause) continue;
      const put = (name: ts.Identifier, typeOnly: boolean): void =>
        add(name.text, { kind: typeOnly ? "type" : "constant" }, typeOnly);
      if (clause.name) put(clause.name, clause.isTypeOnly);
      const bindings = clause.namedBindings;
      if (bindings && ts.isNamespaceImport(bindings)) put(bindings.name, clause.isTypeOnly);
      else if (bindings) for (const e of bindings.elements) put(e.name, clause.isTypeOnly || e.isTypeOnly);
    } else if (ts.isImportEqualsDeclaration(s)) {
      add(s.name.text, { kind: "constant" }, s.isTypeOnly);
    } else if (ts.isVariableStatement(s)) {
      const list = s.declarationList;
      if (isUsing(list)) using ??= s;
      const constant = (list.flags & ts.NodeFlags.Const) !== 0;
      for (const d of list.declarations) {
        for (const n of bindingNames(d.name)) {
          add(n, { kind: constant ? "constant" : "variable" }, ambient);
          if (constant) consts.add(n);
        }
      }
    } else if (ts.isFunctionDeclaration(s) || ts.isClassDeclaration(s)) {
      if (s.name) add(s.name.text, { kind: "constant" }, ambient);
    } else if (ts.isEnumDeclaration(s)) {
      add(s.name.text, { kind: "constant" }, ambient);
    } else if (ts.isModuleDeclaration(s)) {
      if (ts.isStringLiteral(s.name) || s.flags & ts.NodeFlags.GlobalAugmentation) augments = true;
      else add(s.name.text, { kind: hasValue(s) ? "constant" : "type" }, ambient);
    } else if (ts.isInterfaceDeclaration(s) || ts.isTypeAliasDeclaration(s)) {
      types.add(s.name.text);
      add(s.name.text, { kind: "type" });
    } else {
      for (const n of nestedVars(s)) add(n, { kind: "variable" });
    }
  }
  // A constant and a type of the same name: importing gives both.
  for (const name of types) consts.delete(name);
  return { names, live, using, consts, augments };
}

/** Whether a namespace contains more than types. */
function hasValue(module: ts.ModuleDeclaration): boolean {
  const body = module.body;
  if (!body || !ts.isModuleBlock(body)) return true;
  return body.statements.some((s) => {
    if (ts.isInterfaceDeclaration(s) || ts.isTypeAliasDeclaration(s)) return false;
    return ts.isModuleDeclaration(s) ? hasValue(s) : true;
  });
}

/** Names of `var`s inside blocks and loops: their scope is the whole cell. */
function nestedVars(statement: ts.Statement): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) || ts.isClassLike(node) || ts.isModuleDeclaration(node)) return;
    if (ts.isVariableDeclarationList(node) && isVar(node)) found.push(...node.declarations.flatMap((d) => bindingNames(d.name)));
    ts.forEachChild(node, visit);
  };
  visit(statement);
  return found;
}
