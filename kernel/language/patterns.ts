/**
 * Completion inside a string whose type is a pattern, such as `blocks.${number}.ffn.mid`. TypeScript completes only unions of literals. Here
 * the typed text fills the pattern's placeholders, and the rest of the pattern is offered.
 */
import ts = require("typescript");

export interface PatternMatches {
  readonly matches: readonly string[];
  /** The range of the text between the quotes, in the file. */
  readonly start: number;
  readonly end: number;
}

export function patternMatches(program: ts.Program, file: ts.SourceFile, position: number): PatternMatches | undefined {
  const literal = literalAt(file, position);
  if (!literal) return undefined;
  const start = literal.getStart(file) + 1;
  const closed = literal.end > start && file.text[literal.end - 1] === file.text[start - 1];
  const end = closed ? literal.end - 1 : position;
  const typed = file.text.slice(start, position);
  const checker = program.getTypeChecker();
  const type = checker.getContextualType(literal);
  const matches = new Set<string>();
  for (const { texts, types } of type ? patterns(checker, type) : []) {
    const filled = fill(texts, types, typed);
    if (filled !== undefined) matches.add(filled);
  }
  return { matches: [...matches], start, end };
}

/** The string literal, terminated or not, that contains the position. */
export function literalAt(file: ts.SourceFile, position: number): ts.StringLiteralLike | undefined {
  let found: ts.StringLiteralLike | undefined;
  const visit = (node: ts.Node): void => {
    if (position < node.pos || position > node.end) return;
    if (ts.isStringLiteralLike(node) && position > node.getStart(file)) found = node;
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** The strings that a literal is compared with: `side === "`, `"" === side`, `case "` of a switch. */
export function comparedTexts(checker: ts.TypeChecker, literal: ts.StringLiteralLike): string[] {
  const { parent } = literal;
  let other: ts.Expression | undefined;
  if (ts.isBinaryExpression(parent) && EQUALITIES.has(parent.operatorToken.kind)) {
    other = parent.left === literal ? parent.right : parent.left;
  } else if (ts.isCaseClause(parent)) other = parent.parent.parent.expression;
  if (!other) return [];
  const type = checker.getTypeAtLocation(other);
  const texts = (t: ts.Type): string[] =>
    t.isUnion() ? t.types.flatMap(texts) : t.isStringLiteral() ? [t.value] : constraint(t);
  const constraint = (t: ts.Type): string[] => {
    const base = t.flags & ts.TypeFlags.Instantiable ? checker.getBaseConstraintOfType(t) : undefined;
    return base && base !== t ? texts(base) : [];
  };
  return [...new Set(texts(type))];
}

const EQUALITIES = new Set([
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
  ts.SyntaxKind.EqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsToken,
]);

function patterns(checker: ts.TypeChecker, type: ts.Type): ts.TemplateLiteralType[] {
  if (type.isUnionOrIntersection()) return type.types.flatMap((t) => patterns(checker, t));
  if (type.flags & ts.TypeFlags.TemplateLiteral) return [type as ts.TemplateLiteralType];
  if (!(type.flags & ts.TypeFlags.Instantiable)) return [];
  const constraint = checker.getBaseConstraintOfType(type);
  return constraint && constraint !== type ? patterns(checker, constraint) : [];
}

/** The pattern with its placeholders filled from the typed text; undefined where the text does not match, or a placeholder is not typed yet. */
function fill(texts: readonly string[], types: readonly ts.Type[], typed: string): string | undefined {
  let filled = "";
  for (const [i, text] of texts.entries()) {
    const rest = typed.slice(filled.length);
    if (!(rest.startsWith(text) || text.startsWith(rest))) return undefined;
    filled += text;
    const placeholder = types[i];
    if (!placeholder) continue;
    const value = valueAt(placeholder, typed.slice(filled.length), texts[i + 1]!);
    if (!value) return undefined;
    filled += value;
  }
  return filled.startsWith(typed) ? filled : undefined;
}

/** The value of a placeholder at the beginning of `rest`. */
function valueAt(type: ts.Type, rest: string, next: string): string {
  if (type.flags & (ts.TypeFlags.NumberLike | ts.TypeFlags.BigIntLike)) return /^-?\d+/.exec(rest)?.[0] ?? "";
  // Up to the pattern's next text, of which perhaps only the beginning is typed.
  for (let length = next.length; length > 0; length--) {
    const begun = next.slice(0, length);
    const stop = length === next.length ? rest.indexOf(begun) : rest.endsWith(begun) ? rest.length - length : -1;
    if (stop >= 0) return rest.slice(0, stop);
  }
  return rest;
}
