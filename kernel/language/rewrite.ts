/**
 * Rewrites a checked cell as JavaScript that can run as one of many in the same process.
 *
 * Every top-level declaration becomes an assignment to a live variable, which the engine declares by `let` the first time a cell declares it.
 * So a closure of an earlier cell sees a later assignment, earlier callers use a redefined function, and any kind of declaration may follow any
 * other. Imports and `import()` become calls of the engine, functions are hoisted, and the last expression is passed to the engine as the
 * cell's result. TypeScript prints the tree and the source map.
 */
import ts = require("typescript");

import { guardFailedNames } from "./failed-names.js";
import { isVar } from "./names.js";
import { cellName, renamedIn, runtimeName } from "./shadow.js";

/** The global through which a rewritten cell calls the engine. */
export const HOOKS = "__sparselab__";

export interface RewriteInput {
  readonly program: ts.Program;
  readonly file: ts.SourceFile;
  /** The range of the cell's own text in the file; the rest was added by `cells.ts`. */
  readonly start: number;
  readonly end: number;
  readonly label: string;
  readonly live: ReadonlySet<string>;
  /** Whether some cell, perhaps this one, has a variable that runs under another name (shadow.ts). */
  readonly renames: boolean;
  /** Names of cells that failed their check, with the label of the cell. */
  readonly failed: ReadonlyMap<string, string>;
}

export function rewriteCell(input: RewriteInput): { js: string; map: string } {
  const calls = { imports: 0 };
  const guard = input.failed.size ? [guardFailedNames(input.program, input.file, input.failed)] : [];
  let js = "";
  let map = "";
  input.program.emit(
    input.file,
    (name, text) => {
      if (name.endsWith(".map")) map = text;
      else js = text;
    },
    undefined,
    false,
    { before: [callImports(input, calls), ...guard], after: [assignDeclarations(input.live, calls)] },
  );
  // The wrapper adds one line at the top: the engine counts lines from 0, to make up for it.
  const body = js.slice(0, js.lastIndexOf("//# sourceMappingURL="));
  // `module` and `exports` are local to the cell: packages take globals of these names as a sign of CommonJS.
  const scope = ["module", "exports"].some((n) => new RegExp(`\\b${n}\\b`).test(body))
    ? ` let { module } = ${HOOKS}, { exports } = module;`
    : "";
  return { js: `(async () => { "use strict";${scope}\n${body}\n})()`, map };
}

/** The number of import calls at the top, which stay before hoisted functions. */
interface Calls {
  imports: number;
}

const f = ts.factory;
const hook = (name: string, ...args: ts.Expression[]): ts.CallExpression =>
  f.createCallExpression(f.createPropertyAccessExpression(f.createIdentifier(HOOKS), name), undefined, args);

/** Gives a new node the position of a node of the cell. */
function at<T extends ts.Node>(made: T, original: ts.Node): T {
  return ts.setTextRange(made, original);
}

/** Runs before types are erased, since the checker knows which imports are values: imports become calls. */
function callImports(
  { program, file, start, end, label, renames }: RewriteInput,
  calls: Calls,
): ts.TransformerFactory<ts.SourceFile> {
  const checker = program.getTypeChecker();
  const renamed = renamedIn(checker, file);

  const isValue = (name: ts.Identifier): boolean => {
    const symbol = checker.getSymbolAtLocation(name);
    if (!symbol) return true;
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    return (target.flags & ts.SymbolFlags.Value) !== 0;
  };

  /** `import d, { a as b } from "m"` -> `[d, b] = hooks.pick(await hooks.load("m"), "m", ["default", "a"])` */
  const importCall = (s: ts.ImportDeclaration): ts.Statement[] => {
    const clause = s.importClause;
    const loaded = f.createAwaitExpression(hook("load", s.moduleSpecifier));
    if (!clause) return [at(f.createExpressionStatement(loaded), s)];
    if (clause.isTypeOnly) return [];
    const bindings = clause.namedBindings;
    const locals: ts.Expression[] = [];
    const imported: string[] = [];
    const want = (local: ts.Identifier, name: string) => {
      if (!isValue(local)) return;
      locals.push(f.createIdentifier(runtimeName(local.text)));
      imported.push(name);
    };
    if (clause.name) want(clause.name, "default");
    if (bindings && ts.isNamespaceImport(bindings)) want(bindings.name, "*");
    else if (bindings) for (const e of bindings.elements) if (!e.isTypeOnly) want(e.name, (e.propertyName ?? e.name).text);
    if (!locals.length) return [];
    const names = f.createArrayLiteralExpression(imported.map((n) => f.createStringLiteral(n)));
    const picked = hook("pick", loaded, s.moduleSpecifier, names);
    return [at(f.createExpressionStatement(f.createAssignment(f.createArrayLiteralExpression(locals), picked)), s)];
  };

  return (context) => (file) => {
    const visit = (node: ts.Node): ts.Node => {
      // 1. `import()` and `import.meta`.
      if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
        const args = ts.visitNodes(node.arguments, visit) as ts.NodeArray<ts.Expression>;
        return at(hook("load", ...args.slice(0, 1)), node);
      }
      if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword) {
        return at(f.createPropertyAccessExpression(f.createIdentifier(HOOKS), "meta"), node);
      }
      // 2. A catch clause first removes the renamed variables' suffix from the error's message.
      if (renames && ts.isCatchClause(node) && node.variableDeclaration) {
        const { variableDeclaration: caught } = node;
        const name = ts.isIdentifier(caught.name) ? caught.name : f.createUniqueName("caught");
        const tidy: ts.Statement[] = [f.createExpressionStatement(hook("caught", name))];
        if (name !== caught.name) {
          const pattern = f.createVariableDeclaration(
            ts.visitNode(caught.name, visit) as ts.BindingName,
            undefined,
            undefined,
            name,
          );
          tidy.push(f.createVariableStatement(undefined, f.createVariableDeclarationList([pattern], ts.NodeFlags.Let)));
        }
        const statements = ts.visitNodes(node.block.statements, visit) as ts.NodeArray<ts.Statement>;
        const block = at(f.createBlock([...tidy, ...statements], true), node.block);
        return at(f.createCatchClause(at(f.createVariableDeclaration(name), caught), block), node);
      }
      // 3. Variables that run under another name: uses, `{ x }` in an object, `{ x }` in a pattern.
      if (renamed) {
        if (ts.isIdentifier(node)) return renamed(node) ? at(f.createIdentifier(runtimeName(node.text)), node) : node;
        if (ts.isShorthandPropertyAssignment(node) && renamed(node.name)) {
          const value: ts.Expression = f.createIdentifier(runtimeName(node.name.text));
          const initializer = node.objectAssignmentInitializer;
          const target = initializer ? f.createAssignment(value, ts.visitNode(initializer, visit) as ts.Expression) : value;
          return at(f.createPropertyAssignment(node.name, target), node);
        }
        if (
          ts.isBindingElement(node) &&
          !node.propertyName &&
          !node.dotDotDotToken &&
          ts.isIdentifier(node.name) &&
          renamed(node.name)
        ) {
          const initializer = node.initializer && (ts.visitNode(node.initializer, visit) as ts.Expression);
          return at(f.createBindingElement(undefined, node.name, runtimeName(node.name.text), initializer), node);
        }
      }
      return ts.visitEachChild(node, visit, context);
    };

    // 4. The cell's statements: imports first, the last expression as the result.
    const own = file.statements.filter((s) => s.getStart(file) >= start && s.end <= end);
    const last = own.findLast((s) => !ts.isEmptyStatement(s));
    const imports: ts.Statement[] = [];
    const rest: ts.Statement[] = [];
    for (const s of own) {
      if (ts.isImportDeclaration(s)) imports.push(...importCall(s));
      else if (ts.isImportEqualsDeclaration(s) && ts.isExternalModuleReference(s.moduleReference)) {
        if (s.isTypeOnly || !isValue(s.name)) continue;
        const required = f.createAwaitExpression(hook("whole", s.moduleReference.expression));
        imports.push(
          at(f.createExpressionStatement(f.createAssignment(f.createIdentifier(runtimeName(s.name.text)), required)), s),
        );
      } else if (ts.isExportDeclaration(s)) {
        // Dropped: later cells see all names. Other forms of export are refused (forms.ts).
      } else if (isNamelessDefault(s)) {
        const value = ts.visitNode(asExpression(s), visit) as ts.Expression;
        const call = s === last ? hook("result", f.createStringLiteral(label), value) : f.createVoidExpression(value);
        rest.push(at(f.createExpressionStatement(call), s));
      } else if (s === last && ts.isExpressionStatement(s)) {
        const value = ts.visitNode(s.expression, visit) as ts.Expression;
        rest.push(at(f.createExpressionStatement(hook("result", f.createStringLiteral(label), value)), s));
      } else rest.push(ts.visitNode(s, visit) as ts.Statement);
    }
    calls.imports = imports.length;
    return f.updateSourceFile(file, [...imports, ...rest]);
  };
}

/** Runs after types are erased: declarations become assignments, functions first. */
function assignDeclarations(live: ReadonlySet<string>, calls: Calls): ts.TransformerFactory<ts.SourceFile> {
  return (context) => (file) => {
    const hoisted: ts.Statement[] = [];
    const imports = calls.imports;
    const rest: ts.Statement[] = [];

    /** Whether it declares live variables. Names that TypeScript generated stay local to the cell. */
    const isLive = (name: ts.BindingName): boolean =>
      ts.isIdentifier(name) ? live.has(name.text) : name.elements.every((e) => ts.isOmittedExpression(e) || isLive(e.name));

    /** `let a = 1, b` -> `a = 1`, `b = void 0` */
    const assignments = (list: ts.VariableDeclarationList): ts.Expression[] =>
      list.declarations.flatMap((d) => {
        if (!d.initializer) {
          // `var x;` keeps the value of x; the `var E;` of an enum or namespace resets it.
          const original = ts.getOriginalNode(d);
          if (isVar(list) && ts.isVariableDeclaration(original)) return [];
        }
        const value = d.initializer && ts.isIdentifier(d.name) ? named(d.name.text, d.initializer) : d.initializer;
        return [at(f.createAssignment(assignTarget(d.name), value ?? f.createVoidZero()), d)];
      });

    const comma = (parts: ts.Expression[]): ts.Expression | undefined =>
      parts.length ? parts.reduce((a, b) => f.createComma(a, b)) : undefined;

    /** Rewrites `var`s in blocks and loops. */
    const nested = (node: ts.Node): ts.Node | undefined => {
      if (ts.isFunctionLike(node) || ts.isClassLike(node)) return node;
      if (
        ts.isVariableStatement(node) &&
        isVar(node.declarationList) &&
        node.declarationList.declarations.every((d) => isLive(d.name))
      ) {
        const value = comma(assignments(node.declarationList));
        return value ? at(f.createExpressionStatement(value), node) : f.createEmptyStatement();
      }
      if (ts.isForStatement(node) && isVarList(node.initializer)) {
        node = f.updateForStatement(node, comma(assignments(node.initializer)), node.condition, node.incrementor, node.statement);
      } else if (ts.isForOfStatement(node) && isVarList(node.initializer)) {
        const target = assignTarget(node.initializer.declarations[0]!.name);
        node = f.updateForOfStatement(node, node.awaitModifier, target, node.expression, node.statement);
      } else if (ts.isForInStatement(node) && isVarList(node.initializer)) {
        node = f.updateForInStatement(
          node,
          assignTarget(node.initializer.declarations[0]!.name),
          node.expression,
          node.statement,
        );
      }
      return ts.visitEachChild(node, nested, context);
    };

    // Functions are hoisted; classes and variables stay in their places.
    for (const s of file.statements) {
      if (ts.isExportDeclaration(s) || ts.isExportAssignment(s)) continue;
      if (ts.isFunctionDeclaration(s) && s.name) {
        // As an expression without a name, so that it calls itself through the live variable. The assignment names it.
        const made = f.createFunctionExpression(
          s.modifiers?.filter((m): m is ts.Modifier => m.kind === ts.SyntaxKind.AsyncKeyword),
          s.asteriskToken,
          undefined,
          undefined,
          s.parameters,
          undefined,
          s.body ?? f.createBlock([]),
        );
        const value = named(s.name.text, at(made, s));
        hoisted.push(at(f.createExpressionStatement(f.createAssignment(f.createIdentifier(s.name.text), value)), s));
      } else if (ts.isClassDeclaration(s) && s.name && live.has(s.name.text)) {
        const made = at(f.createClassExpression(undefined, cellName(s.name.text), undefined, s.heritageClauses, s.members), s);
        rest.push(at(f.createExpressionStatement(f.createAssignment(f.createIdentifier(s.name.text), made)), s));
      } else if (ts.isVariableStatement(s) && s.declarationList.declarations.every((d) => isLive(d.name))) {
        for (const value of assignments(s.declarationList)) rest.push(at(f.createExpressionStatement(value), value));
      } else rest.push(nested(s) as ts.Statement);
    }
    return f.updateSourceFile(file, [...rest.slice(0, imports), ...hoisted, ...rest.slice(imports)]);
  };
}

/** `export default 1`, and a function or class without a name: an expression rather than a declaration. */
function isNamelessDefault(s: ts.Statement): s is ts.ExportAssignment | ts.FunctionDeclaration | ts.ClassDeclaration {
  return ts.isExportAssignment(s) || ((ts.isFunctionDeclaration(s) || ts.isClassDeclaration(s)) && !s.name);
}

function asExpression(s: ts.ExportAssignment | ts.FunctionDeclaration | ts.ClassDeclaration): ts.Expression {
  if (ts.isExportAssignment(s)) return s.expression;
  if (ts.isClassDeclaration(s)) {
    return at(f.createClassExpression(ts.getDecorators(s), undefined, s.typeParameters, s.heritageClauses, s.members), s);
  }
  const modifiers = ts.getModifiers(s)?.filter((m) => m.kind === ts.SyntaxKind.AsyncKeyword);
  const body = s.body ?? f.createBlock([]);
  return at(f.createFunctionExpression(modifiers, s.asteriskToken, undefined, s.typeParameters, s.parameters, s.type, body), s);
}

/** Names an anonymous function after its variable; where that is renamed, after the name in the cell. */
function named(variable: string, value: ts.Expression): ts.Expression {
  const own = cellName(variable);
  const nameless = (ts.isFunctionExpression(value) || ts.isClassExpression(value)) && !value.name;
  if (own === variable || !(nameless || ts.isArrowFunction(value))) return value;
  const object = f.createObjectLiteralExpression([f.createPropertyAssignment(own, value)]);
  return f.createPropertyAccessExpression(f.createParenthesizedExpression(object), own);
}

function isVarList(node: ts.ForInitializer | undefined): node is ts.VariableDeclarationList {
  return !!node && ts.isVariableDeclarationList(node) && isVar(node);
}

/** A binding pattern as an assignment target: `{ a, b: [c = 1] }`. */
function assignTarget(name: ts.BindingName): ts.Expression {
  if (ts.isIdentifier(name)) return at(f.createIdentifier(name.text), name);
  const withDefault = (e: ts.BindingElement): ts.Expression => {
    const target = assignTarget(e.name);
    const value = e.initializer && ts.isIdentifier(e.name) ? named(e.name.text, e.initializer) : e.initializer;
    return value ? f.createAssignment(target, value) : target;
  };
  if (ts.isArrayBindingPattern(name)) {
    return f.createArrayLiteralExpression(
      name.elements.map((e) => {
        if (ts.isOmittedExpression(e)) return f.createOmittedExpression();
        return e.dotDotDotToken ? f.createSpreadElement(assignTarget(e.name)) : withDefault(e);
      }),
    );
  }
  return f.createObjectLiteralExpression(
    name.elements.map((e) => {
      if (e.dotDotDotToken) return f.createSpreadAssignment(assignTarget(e.name));
      if (!e.propertyName && ts.isIdentifier(e.name)) {
        return f.createShorthandPropertyAssignment(f.createIdentifier(e.name.text), e.initializer);
      }
      return f.createPropertyAssignment(e.propertyName ?? (e.name as ts.Identifier), withDefault(e));
    }),
  );
}
