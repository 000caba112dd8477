/**
 * Names of a cell that failed its check. Later cells see them as `any`, so that one mistake does not make them all fail with "Cannot find
 * name". Using one that has no value throws an error that says which cell failed.
 */
import ts = require("typescript");

/** Declares the name as `any`: as a value, and as a type with up to four arguments. */
export const declareAny = (name: string): string =>
  `declare let ${name}: any; type ${name}<A = any, B = any, C = any, D = any> = any;`;

/** Rewrites `x` as `(typeof x === "undefined" ? (() => { throw new ReferenceError("…") })() : x)`. */
export function guardFailedNames(
  program: ts.Program,
  file: ts.SourceFile,
  failed: ReadonlyMap<string, string>,
): ts.TransformerFactory<ts.SourceFile> {
  const checker = program.getTypeChecker();
  const f = ts.factory;
  const locals = (file as unknown as { locals?: ReadonlyMap<string, ts.Symbol> }).locals;

  const guarded = (name: ts.Identifier): ts.Expression => {
    const message = `${name.text} is not defined: ${failed.get(name.text)}, which declares it, failed its check`;
    const error = f.createNewExpression(f.createIdentifier("ReferenceError"), undefined, [f.createStringLiteral(message)]);
    const thrower = f.createArrowFunction(
      undefined,
      undefined,
      [],
      undefined,
      undefined,
      f.createBlock([f.createThrowStatement(error)]),
    );
    const undefinedYet = f.createStrictEquality(
      f.createTypeOfExpression(f.createIdentifier(name.text)),
      f.createStringLiteral("undefined"),
    );
    const call = f.createCallExpression(f.createParenthesizedExpression(thrower), undefined, []);
    const whole = f.createParenthesizedExpression(f.createConditionalExpression(undefinedYet, undefined, call, undefined, name));
    return ts.setTextRange(whole, name);
  };
  const isFailed = (name: ts.Identifier): boolean => {
    const parent = name.parent;
    if (!failed.has(name.text) || name.pos < 0 || !parent) return false;
    const symbol =
      ts.isShorthandPropertyAssignment(parent) && parent.name === name
        ? checker.getShorthandAssignmentValueSymbol(parent)
        : checker.getSymbolAtLocation(name);
    return !!symbol && symbol === locals?.get(name.text);
  };

  return (context) => (source) => {
    const visit = (node: ts.Node): ts.Node => {
      // Not a use of the value: types, `typeof x`, assignments.
      if (ts.isTypeNode(node) && !ts.isExpressionWithTypeArguments(node)) return node;
      if (ts.isTypeOfExpression(node)) return node;
      if (ts.isBinaryExpression(node) && isAssignment(node.operatorToken.kind)) {
        return f.updateBinaryExpression(node, node.left, node.operatorToken, ts.visitNode(node.right, visit) as ts.Expression);
      }
      if ((ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) && ts.isIdentifier(node.operand)) {
        const counts = node.operator === ts.SyntaxKind.PlusPlusToken || node.operator === ts.SyntaxKind.MinusMinusToken;
        if (counts) return node;
      }
      if (ts.isShorthandPropertyAssignment(node) && isFailed(node.name)) {
        return f.createPropertyAssignment(node.name.text, guarded(node.name));
      }
      if (ts.isIdentifier(node) && isFailed(node)) return guarded(node);
      return ts.visitEachChild(node, visit, context);
    };
    return ts.visitEachChild(source, visit, context);
  };
}

const isAssignment = (kind: ts.SyntaxKind): boolean =>
  kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;
