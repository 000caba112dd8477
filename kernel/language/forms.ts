/**
 * Cells that are not plain modules: a shebang line, an object literal as the last line, JSX, `export`. Each is made to run, or refused with the
 * reason.
 */
import ts = require("typescript");

import { parseCell } from "./names.js";

export interface CellForm {
  /** Text to insert on the line before the cell. */
  readonly prefix: string;
  /** The cell's text as TypeScript gets it: with the same lines, and the same columns except after an inserted parenthesis. */
  readonly text: string;
  /** Maps an offset of `text` to one of the cell. */
  original(offset: number): number;
}

export function cellForm(code: string): CellForm {
  // The shebang line becomes a comment of the same length.
  const text = code.startsWith("#!") ? `//${code.slice(2)}` : code;
  return objectLast(text) ?? { prefix: "", text, original: (offset) => offset };
}

/** `{ a: 1, b: 2 }` as the last statement: an object literal, as in a browser's console, where it can be parsed as one. */
function objectLast(code: string): CellForm | undefined {
  if (!/(?:^|\n)[^\S\n]*\{/.test(code) || !/\}[\s;]*(?:\/\/.*\s*|\/\*[\s\S]*?\*\/\s*)*$/.test(code)) return undefined;
  const file = parseCell(code);
  const { statements } = file;
  const clean = errorsOf(file).length === 0;
  for (let i = statements.length - 1; i >= 0; i--) {
    const block = statements[i]!;
    if (!ts.isBlock(block)) {
      if (clean) return undefined; // The last statement is not a block.
      continue;
    }
    const start = block.getStart(file);
    if (!/(?:^|\n)[^\S\n]*$/.test(code.slice(0, start))) continue;
    const rest = code.slice(start);
    const object = objectAlone(rest);
    if (object === undefined) {
      if (clean) return undefined;
      continue;
    }
    const before = i > 0 ? statements[i - 1]!.end : 0;
    if (errorsOf(parseCell(code.slice(0, start))).length) continue;
    // The parenthesis is inserted at the end of the line before, so that no column of the object moves.
    const open = before > 0 ? ";(" : "";
    const end = start + object;
    return {
      prefix: before > 0 ? "" : "(",
      text: `${code.slice(0, before)}${open}${code.slice(before, end)})${code.slice(end)}`,
      original: (offset) => {
        const inside = offset > before ? Math.max(before, offset - open.length) : offset;
        return inside > end ? inside - 1 : inside;
      },
    };
  }
  return undefined;
}

/** The length of the object literal, where the text is nothing else apart from comments and a semicolon. */
function objectAlone(text: string): number | undefined {
  const file = parseCell(`(${text.replace(/[\s;]+$/, "")}\n)`);
  const [statement, more] = file.statements;
  if (more || !statement || errorsOf(file).length || !ts.isExpressionStatement(statement)) return undefined;
  const inner = statement.expression;
  if (!ts.isParenthesizedExpression(inner)) return undefined;
  let object = inner.expression;
  while (ts.isAsExpression(object) || ts.isSatisfiesExpression(object)) object = object.expression;
  return ts.isObjectLiteralExpression(object) ? inner.expression.end - 1 : undefined;
}

export const errorsOf = (file: ts.SourceFile): readonly ts.DiagnosticWithLocation[] =>
  (file as unknown as { parseDiagnostics: ts.DiagnosticWithLocation[] }).parseDiagnostics;

/** The refusal of a cell that could not be parsed because it contains JSX. */
export function jsxRefusal(code: string): string | undefined {
  if (!/<[\p{ID_Start}>]/u.test(code)) return undefined;
  const file = ts.createSourceFile("cell.tsx", code, ts.ScriptTarget.ES2022, true, ts.ScriptKind.TSX);
  if (errorsOf(file).length) return undefined;
  let found = false;
  const visit = (node: ts.Node): void => {
    found ||= ts.isJsxElement(node) || ts.isJsxSelfClosingElement(node) || ts.isJsxFragment(node);
    ts.forEachChild(node, visit);
  };
  visit(file);
  if (!found) return undefined;
  return (
    "Cells cannot contain JSX: `<T>` before a value is a type there. " +
    'Put the JSX into a file beside the notebook, view.tsx, and import it: import { View } from "./view.tsx".'
  );
}

/** An export that TypeScript accepts but a cell cannot have: the node, and why. */
export function refusedExport(file: ts.SourceFile): { node: ts.Node; why: string } | undefined {
  for (const s of file.statements) {
    if (ts.isExportAssignment(s) && s.isExportEquals) {
      return {
        node: s,
        why: "A cell is not a CommonJS module: its declarations are visible in every later cell without `export =`.",
      };
    }
    if (!ts.isExportDeclaration(s)) continue;
    if (s.moduleSpecifier) {
      const from = s.moduleSpecifier.getText(file);
      const why = "Cells need no exports: what a cell imports is visible in every later cell.";
      return { node: s, why: `${why} Write \`import … from ${from}\`.` };
    }
    if (!s.exportClause || !ts.isNamedExports(s.exportClause)) continue;
    for (const e of s.exportClause.elements) {
      if (!e.propertyName || e.propertyName.text === e.name.text) continue;
      const why = "Cells need no exports: a cell's declarations are visible in every later cell.";
      return { node: e, why: `${why} For another name write \`const ${e.name.text} = ${e.propertyName.text}\`.` };
    }
  }
  return undefined;
}

/** Names that the cell lists in `export { a, b }`. */
export function listedExports(file: ts.SourceFile): string[] {
  return file.statements.flatMap((s) =>
    ts.isExportDeclaration(s) && !s.moduleSpecifier && s.exportClause && ts.isNamedExports(s.exportClause)
      ? s.exportClause.elements.map((e) => e.name.text)
      : [],
  );
}

/** Errors that mean: this is a legacy decorator. */
const DECORATOR_CODES = new Set([1206, 1207, 1238, 1239, 1240, 1241, 1249, 1270, 1271, 1278, 1279, 1329]);

export function decoratorRefusal(d: ts.Diagnostic): string | undefined {
  if (!DECORATOR_CODES.has(d.code)) return undefined;
  return (
    "Cells support standard decorators only: functions of (value, context), and none on parameters. " +
    'Put legacy decorators into a .ts file beside the notebook, with "experimentalDecorators": true in its tsconfig.json, and import it.'
  );
}
