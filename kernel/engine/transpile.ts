/**
 * Compiles the user's TypeScript files to ES modules, without a type check (the cell that imports a file is checked against its types). What
 * only CommonJS has is translated: `export =`, `import x = require()`, and the names `require`, `module`, `exports`, `__filename`,
 * `__dirname`.
 */
import { createRequire } from "node:module";
import { dirname } from "node:path";
import type ts from "typescript";

/** The module from which a file imports its `require`, `__dirname` and the like. */
export const FILE_SCOPE = "sparselab:file";
const SCOPE_NAMES = ["require", "module", "exports", "__filename", "__dirname"] as const;
/** The name under which a module exports what `require` returns for it; Node uses the same. */
export const WHOLE = "module.exports";

/** A name that the module imports from another, and its place in the code. */
export interface ImportedName {
  readonly specifier: string;
  readonly name: string;
  /** Used only by an `export { name }`: it may be a type. */
  readonly reexported: boolean;
  readonly ranges: readonly (readonly [start: number, end: number])[];
  /** The name under which it is exported. */
  readonly exportedAs?: string;
}

export interface Transpiled {
  readonly code: string;
  /** Source map, JSON. */
  readonly map: string;
  /** Specifiers of static imports. */
  readonly specifiers: ReadonlySet<string>;
  /** Specifiers of `require("…")`. */
  readonly required: ReadonlySet<string>;
  readonly imported: readonly ImportedName[];
  /** Names that it exports one by one. */
  readonly exports: ReadonlySet<string>;
  /** Specifiers of `export * from "…"`. */
  readonly stars: readonly string[];
}

let loaded: typeof ts | undefined;
function typescript(): typeof ts {
  loaded ??= createRequire(import.meta.url)("typescript") as typeof ts;
  return loaded;
}

/** The text of a file, decoded by its byte order mark, if it has one. */
export function readText(path: string): string {
  const text = typescript().sys.readFile(path);
  if (text === undefined) throw new Error(`Cannot read ${path}`);
  return text;
}

export function transpile(path: string, text: string): Transpiled {
  const ts = typescript();
  const jsx = /\.[jt]sx$/.test(path);
  const { outputText, sourceMapText, diagnostics } = ts.transpileModule(text, {
    // Every file becomes an ES module, also .cts and .mts.
    fileName: path.replace(/\.[cm]ts$/, ".ts").replace(/\.[cm]js$/, ".js"),
    reportDiagnostics: true,
    compilerOptions: {
      ...userOptions(ts, path, text, jsx),
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      sourceMap: true,
      allowJs: true,
    },
    transformers: { before: [fromCommonJs(ts)] },
  });
  const wrong = diagnostics?.find((d) => d.category === ts.DiagnosticCategory.Error);
  if (wrong) {
    const { line, character } = wrong.file?.getLineAndCharacterOfPosition(wrong.start ?? 0) ?? { line: 0, character: 0 };
    const message = ts.flattenDiagnosticMessageText(wrong.messageText, "\n");
    throw new SyntaxError(`${path}:${line + 1}:${character + 1}: ${message}`);
  }
  return describe(ts, outputText.replace(/\n\/\/# sourceMappingURL=[^\n]*\s*$/, "\n"), sourceMapText ?? "");
}

/** Whether a JavaScript file is an ES module: its syntax decides. */
export function isModule(path: string, text: string): boolean {
  if (!/(?:^|[;}])\s*(?:import|export)\b|\bimport\.meta\b/m.test(text)) return false;
  const ts = typescript();
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext);
  return ts.isExternalModule(file);
}

/** The options of the nearest tsconfig.json that change the JavaScript of one file. */
function userOptions(typ: typeof ts, path: string, text: string, jsx: boolean): ts.CompilerOptions {
  const config = typ.findConfigFile(dirname(path), typ.sys.fileExists);
  const read = config ? typ.readConfigFile(config, typ.sys.readFile).config : undefined;
  const host: ts.ParseConfigHost = { ...typ.sys, readDirectory: () => [] };
  const given = read ? typ.parseJsonConfigFileContent(read, host, dirname(config!)).options : {};
  const options: ts.CompilerOptions = {
    experimentalDecorators: given.experimentalDecorators ?? hasParameterDecorators(typ, path, text),
    emitDecoratorMetadata: given.emitDecoratorMetadata,
    useDefineForClassFields: given.useDefineForClassFields,
  };
  if (!jsx) return options;
  // A pragma names its own function; the default is React's automatic runtime.
  const classic = given.jsx === typ.JsxEmit.React || /^\s*(?:\/\*\*?|\/\/)\s*@jsx\s/m.test(text);
  return {
    ...options,
    jsx: classic ? typ.JsxEmit.React : given.jsx === typ.JsxEmit.ReactJSXDev ? given.jsx : typ.JsxEmit.ReactJSX,
    jsxFactory: given.jsxFactory,
    jsxFragmentFactory: given.jsxFragmentFactory,
    jsxImportSource: given.jsxImportSource,
  };
}

/** Whether a parameter has a decorator, which only legacy decorators may have. */
function hasParameterDecorators(typ: typeof ts, path: string, text: string): boolean {
  if (!text.includes("@")) return false;
  const file = typ.createSourceFile(path, text, typ.ScriptTarget.ESNext);
  let found = false;
  const visit = (node: ts.Node): void => {
    if (typ.isParameter(node) && typ.getDecorators(node)?.length) found = true;
    if (!found) typ.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** `import x = require("m")` and `export = x` as statements of an ES module. */
function fromCommonJs(typ: typeof ts): ts.TransformerFactory<ts.SourceFile> {
  const f = typ.factory;
  const constant = (name: ts.BindingName, value: ts.Expression, exported = false): ts.Statement =>
    f.createVariableStatement(
      exported ? [f.createModifier(typ.SyntaxKind.ExportKeyword)] : undefined,
      f.createVariableDeclarationList([f.createVariableDeclaration(name, undefined, undefined, value)], typ.NodeFlags.Const),
    );
  const exportAs = (pairs: readonly (readonly [ts.Identifier, string])[]): ts.Statement =>
    f.createExportDeclaration(
      undefined,
      false,
      f.createNamedExports(
        pairs.map(([local, name]) =>
          f.createExportSpecifier(false, local, name === WHOLE ? f.createStringLiteral(name) : f.createIdentifier(name)),
        ),
      ),
    );

  /** `import x = require("m")` */
  const required = (s: ts.ImportEqualsDeclaration, specifier: ts.Expression): ts.Statement[] => {
    const space = f.createUniqueName(s.name.text);
    const clause = f.createImportClause(false, undefined, f.createNamespaceImport(space));
    const whole = f.createStringLiteral(WHOLE);
    const value = f.createConditionalExpression(
      f.createBinaryExpression(whole, typ.SyntaxKind.InKeyword, space),
      undefined,
      f.createElementAccessExpression(space, whole),
      undefined,
      space,
    );
    const exported = s.modifiers?.some((m) => m.kind === typ.SyntaxKind.ExportKeyword);
    return [
      typ.setTextRange(f.createImportDeclaration(undefined, clause, specifier), s),
      typ.setTextRange(constant(f.createIdentifier(s.name.text), value, exported), s),
    ];
  };

  /** `export = x`: x as the default and as the whole module, and its properties as named exports. */
  const assigned = (s: ts.ExportAssignment, file: ts.SourceFile, visit: ts.Visitor): ts.Statement[] => {
    const whole = f.createUniqueName("whole");
    const names = [...propertiesOf(typ, s.expression, file)].filter((n) => n !== "default");
    const locals = names.map((n) => f.createUniqueName(n));
    const pattern = f.createObjectBindingPattern(names.map((n, i) => f.createBindingElement(undefined, n, locals[i]!)));
    return [
      typ.setTextRange(constant(whole, typ.visitNode(s.expression, visit) as ts.Expression), s),
      ...(names.length ? [constant(pattern, whole)] : []),
      exportAs([[whole, "default"], [whole, WHOLE], ...locals.map((l, i) => [l, names[i]!] as const)]),
    ];
  };

  return (context) => (file) => {
    const visit = (node: ts.Node): ts.Node => typ.visitEachChild(node, visit, context);
    let changed = false;
    const statements = file.statements.flatMap((s): ts.Statement[] => {
      if (typ.isImportEqualsDeclaration(s) && typ.isExternalModuleReference(s.moduleReference)) {
        changed = true;
        const exported = s.modifiers?.some((m) => m.kind === typ.SyntaxKind.ExportKeyword);
        if (s.isTypeOnly || !(exported || isUsed(typ, file, s.name.text))) return [];
        return required(s, s.moduleReference.expression);
      }
      if (typ.isExportAssignment(s) && s.isExportEquals) {
        changed = true;
        // A type has no value to export.
        if (typ.isIdentifier(s.expression) && !hasValue(typ, s.expression.text, file)) return [];
        return assigned(s, file, visit);
      }
      return [s];
    });
    return changed ? f.updateSourceFile(file, statements) : file;
  };
}

/** Whether a name is used as a value. */
function isUsed(typ: typeof ts, file: ts.SourceFile, name: string): boolean {
  let used = false;
  const visit = (node: ts.Node): void => {
    if (used || typ.isTypeNode(node) || typ.isInterfaceDeclaration(node) || typ.isTypeAliasDeclaration(node)) {
      // A base class is a value, though its node counts as a type.
      if (typ.isExpressionWithTypeArguments(node)) visit(node.expression);
      return;
    }
    if (typ.isImportEqualsDeclaration(node) && typ.isExternalModuleReference(node.moduleReference)) return;
    if (typ.isIdentifier(node) && node.text === name) used = true;
    typ.forEachChild(node, visit);
  };
  visit(file);
  return used;
}

function hasValue(typ: typeof ts, name: string, file: ts.SourceFile): boolean {
  const declared = file.statements.filter((s) => (s as { name?: ts.Node }).name && nameOf(s) === name);
  if (!declared.length) return true;
  return declared.some((s) => !typ.isInterfaceDeclaration(s) && !typ.isTypeAliasDeclaration(s));
}

const nameOf = (node: ts.Node): string | undefined => (node as { name?: ts.Identifier }).name?.text;

/** Names of properties that an object certainly has: written in its literal, or assigned to it at the top level. */
function propertiesOf(typ: typeof ts, value: ts.Expression, file: ts.SourceFile): Set<string> {
  const found = new Set<string>();
  const add = (name: ts.PropertyName | undefined): void => {
    if (
      name &&
      (typ.isIdentifier(name) || typ.isStringLiteral(name)) &&
      /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name.text)
    ) {
      found.add(name.text);
    }
  };
  let inner = value;
  while (typ.isAsExpression(inner) || typ.isSatisfiesExpression(inner) || typ.isParenthesizedExpression(inner))
    inner = inner.expression;
  if (typ.isObjectLiteralExpression(inner)) for (const p of inner.properties) add(p.name);
  if (typ.isCallExpression(inner) && inner.expression.getText(file) === "Object.freeze" && inner.arguments[0]) {
    return propertiesOf(typ, inner.arguments[0], file);
  }
  if (!typ.isIdentifier(inner)) return found;
  const name = inner.text;
  for (const s of file.statements) {
    if (typ.isVariableStatement(s)) {
      for (const d of s.declarationList.declarations) {
        if (nameOf(d) === name && d.initializer && !typ.isIdentifier(d.initializer)) {
          for (const n of propertiesOf(typ, d.initializer, file)) found.add(n);
        }
      }
    } else if (typ.isClassDeclaration(s) && nameOf(s) === name) {
      for (const m of s.members) {
        if (typ.canHaveModifiers(m) && typ.getModifiers(m)?.some((k) => k.kind === typ.SyntaxKind.StaticKeyword)) add(m.name);
      }
    } else if (typ.isEnumDeclaration(s) && nameOf(s) === name) {
      for (const m of s.members) add(m.name);
    } else if (typ.isModuleDeclaration(s) && nameOf(s) === name && s.body && typ.isModuleBlock(s.body)) {
      for (const m of s.body.statements) {
        if (!typ.canHaveModifiers(m) || !typ.getModifiers(m)?.some((k) => k.kind === typ.SyntaxKind.ExportKeyword)) continue;
        if (typ.isInterfaceDeclaration(m) || typ.isTypeAliasDeclaration(m)) continue;
        if (typ.isVariableStatement(m)) for (const d of m.declarationList.declarations) add(d.name as ts.Identifier);
        else add((m as { name?: ts.Identifier }).name);
      }
    } else if (
      typ.isExpressionStatement(s) &&
      typ.isBinaryExpression(s.expression) &&
      s.expression.operatorToken.kind === typ.SyntaxKind.EqualsToken &&
      typ.isPropertyAccessExpression(s.expression.left) &&
      s.expression.left.expression.getText(file) === name
    ) {
      add(s.expression.left.name as ts.Identifier);
    }
  }
  return found;
}

/** Reads the module's imports and exports from the JavaScript, and adds the names of CommonJS that it uses. */
function describe(typ: typeof ts, js: string, map: string): Transpiled {
  const file = typ.createSourceFile("module.js", js, typ.ScriptTarget.ESNext, true, typ.ScriptKind.JS);
  const specifiers = new Set<string>();
  const required = new Set<string>();
  const exports = new Set<string>();
  const stars: string[] = [];
  const importedNames: ImportedName[] = [];
  const uses = new Map<string, number>();
  const declared = new Set<string>();

  // 1. How often each name is used, and what is required.
  const visit = (node: ts.Node): void => {
    if (typ.isIdentifier(node)) {
      const parent = node.parent;
      const property = (typ.isPropertyAccessExpression(parent) || typ.isPropertyAssignment(parent)) && parent.name === node;
      // The other module's name in `export { a as b }` and `import { b as a }` is not a name of this file.
      const elsewhere =
        (typ.isExportSpecifier(parent) &&
          (parent.parent.parent.moduleSpecifier || node !== (parent.propertyName ?? parent.name))) ||
        (typ.isImportSpecifier(parent) && node !== parent.name);
      if (!property && !elsewhere) uses.set(node.text, (uses.get(node.text) ?? 0) + 1);
    }
    if (typ.isCallExpression(node) && typ.isIdentifier(node.expression) && node.expression.text === "require") {
      const [name] = node.arguments;
      if (name && typ.isStringLiteralLike(name)) required.add(name.text);
    }
    if (typ.isMetaProperty(node)) isEs = true;
    typ.forEachChild(node, visit);
  };
  let isEs = false;
  visit(file);

  const text = (s: ts.Expression | undefined): string => (s && typ.isStringLiteral(s) ? s.text : "");
  const range = (node: ts.Node): readonly [number, number] => {
    // Including the comma that follows.
    const comma = /^\s*,/.exec(js.slice(node.end))?.[0].length ?? 0;
    return [node.getStart(file), node.end + comma];
  };
  const bindings = (name: ts.BindingName): string[] =>
    typ.isIdentifier(name) ? [name.text] : name.elements.flatMap((e) => (typ.isOmittedExpression(e) ? [] : bindings(e.name)));

  // 2. Exports and declarations.
  const localExports = new Map<string, { name: string; node: ts.Node }>();
  for (const s of file.statements) {
    if (typ.isExportDeclaration(s)) {
      isEs = true;
      const from = s.moduleSpecifier && text(s.moduleSpecifier);
      if (from !== undefined) specifiers.add(from);
      if (!s.exportClause) stars.push(from!);
      else if (typ.isNamespaceExport(s.exportClause)) exports.add(s.exportClause.name.text);
      else {
        for (const e of s.exportClause.elements) {
          const name = (e.propertyName ?? e.name).text;
          exports.add(e.name.text);
          if (from === undefined) localExports.set(name, { name: e.name.text, node: e });
          else importedNames.push({ specifier: from, name, reexported: true, ranges: [range(e)], exportedAs: e.name.text });
        }
      }
    } else if (typ.isExportAssignment(s)) {
      isEs = true;
      exports.add("default");
    } else if (typ.canHaveModifiers(s) && typ.getModifiers(s)?.some((m) => m.kind === typ.SyntaxKind.ExportKeyword)) {
      isEs = true;
      const isDefault = typ.getModifiers(s)?.some((m) => m.kind === typ.SyntaxKind.DefaultKeyword);
      if (isDefault) exports.add("default");
      else if (typ.isVariableStatement(s))
        for (const d of s.declarationList.declarations) for (const n of bindings(d.name)) exports.add(n);
      else if (nameOf(s)) exports.add(nameOf(s)!);
    }
    if (typ.isVariableStatement(s))
      for (const d of s.declarationList.declarations) for (const n of bindings(d.name)) declared.add(n);
    else if (nameOf(s)) declared.add(nameOf(s)!);
  }

  // 3. Imports.
  for (const s of file.statements) {
    if (!typ.isImportDeclaration(s)) continue;
    isEs = true;
    const specifier = text(s.moduleSpecifier);
    specifiers.add(specifier);
    const named = s.importClause?.namedBindings;
    const add = (local: ts.Identifier, name: string, node: ts.Node): void => {
      declared.add(local.text);
      const out = localExports.get(local.text);
      // Its two uses are the import itself and `export { local }`.
      const reexported = !!out && uses.get(local.text) === 2;
      if (typ.isImportSpecifier(node)) {
        const ranges = out ? [range(node), range(out.node)] : [range(node)];
        importedNames.push({ specifier, name, reexported, ranges, ...(out ? { exportedAs: out.name } : {}) });
      }
    };
    if (s.importClause?.name) declared.add(s.importClause.name.text);
    if (named && typ.isNamespaceImport(named)) declared.add(named.name.text);
    else if (named) for (const e of named.elements) add(e.name, (e.propertyName ?? e.name).text, e);
  }

  // 4. Names of CommonJS that the file uses and does not declare.
  const scope = SCOPE_NAMES.filter((n) => uses.has(n) && !declared.has(n));
  let code = js;
  // Added at the end, so that no line of the file moves: imports are hoisted anyway.
  if (scope.length) {
    const isCommonJs = !isEs && (scope.includes("module") || scope.includes("exports"));
    const names = isCommonJs ? [...new Set([...scope, "module"])] : scope;
    code += `\nimport { ${names.join(", ")} } from "${FILE_SCOPE}";`;
    if (isCommonJs) {
      code += `\nconst __whole = module.exports; export { __whole as default, __whole as "${WHOLE}" };`;
      exports.add("default").add(WHOLE);
    }
  }
  const requires = scope.includes("require") ? required : new Set<string>();
  return { code, map, specifiers, required: requires, imported: importedNames, exports, stars };
}
