/**
 * Tolerated errors: TypeScript reports them, but the code runs, and is common in a scratch pad. Only what is certainly wrong stops a cell.
 * Under `// @strict` nothing is tolerated.
 */
import ts = require("typescript");

import { nodeAt } from "./tree.js";

/** Harmless: conditions that are always true or false (`5 ?? 1`), a `var` declared again, `Math.pow(...pair)`, an untyped assertion function. */
const HARMLESS = new Set([2403, 2447, 2556, 2695, 2869, 2870, 2871, 2872, 2873, 2775, 2776, 2881]);
const PROPERTY = new Set([2339, 2551]);
const EXCESS = 2353;
const TOO_FEW = 2554;
const MISSING = new Set([2322, 2345, 2739, 2740, 2741]);
const NO_OVERLAP = new Set([2367, 2678]);
const ARITHMETIC = new Set([2362, 2363, 2365]);
const UNKNOWN = new Set([2571, 2698, 18046]);
const MISMATCH = new Set([2322, 2345, 2488, 2461, 2769]);

/** Properties that cells added to objects and functions later, by the node that created these. */
export class Expandos {
  readonly #added = new WeakMap<ts.SourceFile, Set<string>>();
  /** How many were ever added. */
  count = 0;

  add(made: ts.Node, name: string): void {
    if (this.has(made, name)) return;
    this.count++;
    const file = made.getSourceFile();
    const known = this.#added.get(file) ?? new Set();
    this.#added.set(file, known.add(`${made.pos} ${name}`));
  }
  has(made: ts.Node, name: string): boolean {
    return this.#added.get(made.getSourceFile())?.has(`${made.pos} ${name}`) ?? false;
  }
}

/** The errors that are not tolerated. */
export function withoutTolerated(errors: readonly ts.Diagnostic[], program: ts.Program, expandos: Expandos): ts.Diagnostic[] {
  const checker = program.getTypeChecker();
  for (const d of errors) {
    if (!PROPERTY.has(d.code)) continue;
    const name = nodeOf(d);
    if (!isAssigned(name?.parent) || !ts.isPropertyAccessExpression(name!.parent)) continue;
    const made = madeAt(checker.getTypeAtLocation(name!.parent.expression));
    if (made) expandos.add(made, name!.getText());
  }
  for (const d of errors) {
    if (d.code !== EXCESS) continue;
    const node = nodeOf(d);
    const made = madeBy(node && literalAt(node), checker);
    if (made) expandos.add(made, node!.getText());
  }
  return errors.filter((d) => !isTolerated(d, checker, expandos));
}

const nodeOf = (d: ts.Diagnostic): ts.Node | undefined => (d.file && d.start !== undefined ? nodeAt(d.file, d.start) : undefined);

function isTolerated(d: ts.Diagnostic, checker: ts.TypeChecker, expandos: Expandos): boolean {
  if (HARMLESS.has(d.code)) return true;
  if (UNKNOWN.has(d.code)) return /\bunknown\b/.test(text(d)) || d.code !== 2698;
  if (MISMATCH.has(d.code) && (/^(?:Argument of t|T)ype 'unknown' /.test(text(d)) || isPlainString(d, checker))) return true;
  if (MISMATCH.has(d.code) && leavesOf(d).some((leaf) => /element\(s\) but source may have fewer\.$/.test(leaf))) return true;
  const node = nodeOf(d);
  if (!node) return false;
  if (MISSING.has(d.code)) return fitsInPart(d, checker) || isOtherRecord(d, node, checker);
  if (PROPERTY.has(d.code)) return isOpenProperty(node, checker, expandos);
  if (d.code === EXCESS) return isTaken(node, checker) || isRecordOf(literalAt(node), checker);
  if (d.code === TOO_FEW) return isOptional(d, node, checker);
  if (NO_OVERLAP.has(d.code)) return isSwitch(d, node, checker);
  if (ARITHMETIC.has(d.code)) return isOfNumbers(d, node, checker);
  return false;
}

const leavesOf = (d: ts.Diagnostic): string[] =>
  typeof d.messageText === "string" ? [d.messageText] : leaves(d.messageText).map((leaf) => leaf.messageText);

const text = (d: ts.Diagnostic): string => (typeof d.messageText === "string" ? d.messageText : d.messageText.messageText);

function isAssigned(node: ts.Node | undefined): boolean {
  const parent = node?.parent;
  return (
    !!parent &&
    ts.isBinaryExpression(parent) &&
    parent.left === node &&
    parent.operatorToken.kind >= ts.SyntaxKind.FirstAssignment &&
    parent.operatorToken.kind <= ts.SyntaxKind.LastAssignment
  );
}

/** The literal or function that created a value of this type. */
function madeAt(type: ts.Type): ts.Node | undefined {
  const declaration = type.symbol?.declarations?.[0];
  if (!declaration) return undefined;
  return ts.isObjectLiteralExpression(declaration) || ts.isFunctionLike(declaration) ? declaration : undefined;
}

/** The object literal that begins at this node, or that has it as a property name. */
function literalAt(node: ts.Node): ts.ObjectLiteralExpression | undefined {
  const literal = ts.isObjectLiteralExpression(node) ? node : node.parent?.parent;
  return literal && ts.isObjectLiteralExpression(literal) ? literal : undefined;
}

/** The literal that determined the type expected of this literal: in `let cfg = { lr: 1 }; cfg = { ...cfg, steps: 5 }` the first. */
function madeBy(literal: ts.ObjectLiteralExpression | undefined, checker: ts.TypeChecker): ts.Node | undefined {
  const expected = literal && checker.getContextualType(literal);
  const made = expected && madeAt(expected);
  return made && ts.isObjectLiteralExpression(made) ? made : undefined;
}
const isRecordOf = (literal: ts.ObjectLiteralExpression | undefined, checker: ts.TypeChecker): boolean =>
  !!madeBy(literal, checker);

/** A record that lacks a property of earlier ones, where the type was only inferred: `points.push({ x: 1 })`. */
function isOtherRecord(d: ts.Diagnostic, node: ts.Node, checker: ts.TypeChecker): boolean {
  if (!leavesOf(d).every((leaf) => / is missing in type | is missing the following properties from type /.test(leaf)))
    return false;
  const assigned = ts.isIdentifier(node) && isAssigned(node) ? (node.parent as ts.BinaryExpression).right : node;
  return isRecordOf(literalAt(assigned), checker);
}

/** A union of which some members fit: `t` of `const [name, t] = ["a", 0.1]` in `Math.sqrt(t)`. */
function fitsInPart(d: ts.Diagnostic, checker: ts.TypeChecker): boolean {
  const at = (found: ts.Node): boolean => found.getStart() === d.start && found.end === d.start! + d.length!;
  const node = nodeOf(d);
  const whole = node && ts.findAncestor(node, at);
  if (!whole) return false;
  const fits = (from: ts.Type, to: ts.Type | undefined): boolean =>
    !!to && from.isUnion() && from.types.some((t) => checker.isTypeAssignableTo(t, to));
  const { parent } = whole;
  if (isAssigned(whole))
    return fits(checker.getTypeAtLocation((parent as ts.BinaryExpression).right), checker.getTypeAtLocation(whole));
  if (ts.isVariableDeclaration(parent) && parent.initializer) {
    return fits(checker.getTypeAtLocation(parent.initializer), checker.getTypeAtLocation(parent));
  }
  return ts.isExpression(whole) && fits(checker.getTypeAtLocation(whole), checker.getContextualType(whole));
}

/** An omitted argument that the function tests for: `function log(text, level) { level = level || "info" … }`. */
function isOptional(d: ts.Diagnostic, node: ts.Node, checker: ts.TypeChecker): boolean {
  const call = ts.findAncestor(node, (n) => ts.isCallExpression(n) || ts.isNewExpression(n));
  if (!call || !(ts.isCallExpression(call) || ts.isNewExpression(call)) || !/but got \d+\.$/.test(text(d))) return false;
  const made = checker.getResolvedSignature(call)?.declaration;
  if (!made || !("body" in made) || !made.body) return false;
  const given = call.arguments?.length ?? 0;
  const body = made.body.getText();
  const left = made.parameters.slice(given);
  return (
    left.length > 0 &&
    left.every((p) => {
      if (!ts.isParameter(p) || p.type || !ts.isIdentifier(p.name)) return false;
      const name = p.name.text.replaceAll("$", "\\$");
      return new RegExp(
        `\\b${name}\\s*(?:\\|\\||\\?\\?|\\?\\.|[!=]==?\\s*(?:undefined|null))|[!]${name}\\b|typeof ${name}\\b|if\\s*\\(${name}\\b|\\b${name}\\s*\\?`,
      ).test(body);
    })
  );
}

/** A property that is added to a value after its creation, or of a value whose type says nothing. */
function isOpenProperty(name: ts.Node, checker: ts.TypeChecker, expandos: Expandos): boolean {
  const parent = name.parent;
  if (ts.isBindingElement(parent) && ts.isParameter(parent.parent.parent) && isLoosePattern(parent.parent.parent)) return true;
  const holder = ts.isPropertyAccessExpression(parent)
    ? checker.getTypeAtLocation(parent.expression)
    : patternType(parent, checker);
  if (!holder) return false;
  if (holder.flags & ts.TypeFlags.Unknown) return true;
  const key = name.getText();
  // Some members of a union have it.
  if (holder.isUnion() && holder.types.some((t) => checker.getPropertyOfType(checker.getApparentType(t), key))) return true;
  // `{}` is filled later.
  if (holder.flags & ts.TypeFlags.Object && !holder.isClassOrInterface() && isEmpty(holder, checker)) return true;
  const made = madeAt(holder);
  if (made && expandos.has(made, key)) return true;
  return classesOf(holder, checker).some((declaration) => assignsField(declaration, key));
}

/** A property that the function destructures from its parameter, though the parameter's default lacks it: `({ width, title } = {})`. */
function isTaken(name: ts.Node, checker: ts.TypeChecker): boolean {
  const literal = name.parent.parent;
  const call = literal?.parent;
  if (!literal || !call || !ts.isObjectLiteralExpression(literal) || !(ts.isCallExpression(call) || ts.isNewExpression(call)))
    return false;
  const at = call.arguments?.indexOf(literal) ?? -1;
  const parameter = checker.getResolvedSignature(call)?.declaration?.parameters[at];
  if (!parameter || !ts.isParameter(parameter) || !isLoosePattern(parameter)) return false;
  return (parameter.name as ts.ObjectBindingPattern).elements.some(
    (e) => (e.propertyName ?? e.name).getText() === name.getText(),
  );
}

/** `{ … } = {}` without a type annotation. */
const isLoosePattern = (d: ts.ParameterDeclaration): boolean =>
  ts.isObjectBindingPattern(d.name) && !d.type && !!d.initializer && ts.isObjectLiteralExpression(d.initializer);

function patternType(parent: ts.Node, checker: ts.TypeChecker): ts.Type | undefined {
  return ts.isBindingElement(parent) ? checker.getTypeAtLocation(parent.parent) : undefined;
}

const isEmpty = (type: ts.Type, checker: ts.TypeChecker): boolean =>
  !checker.getPropertiesOfType(type).length &&
  !type.getCallSignatures().length &&
  !type.getConstructSignatures().length &&
  !checker.getIndexInfosOfType(type).length;

/** The class of an object, or of `this` in a static member, and its base classes. */
function classesOf(type: ts.Type, checker: ts.TypeChecker): ts.ClassLikeDeclaration[] {
  const constraint = type.flags & ts.TypeFlags.TypeParameter ? checker.getBaseConstraintOfType(type) : undefined;
  const all = new Set<ts.Symbol>();
  const add = (t: ts.Type | undefined): void => {
    if (!t?.symbol || all.has(t.symbol)) return;
    all.add(t.symbol);
    for (const base of t.isClassOrInterface() ? checker.getBaseTypes(t) : []) add(base);
  };
  add(constraint ?? type);
  return [...all].flatMap((s) => (s.declarations ?? []).filter((x): x is ts.ClassLikeDeclaration => ts.isClassLike(x)));
}

function assignsField(declaration: ts.ClassLikeDeclaration, name: string): boolean {
  return declaration.members.some((member) => thisAssignments(member).has(name));
}

/** Names assigned by `this.name = …` in a member of a class, not counting nested functions, which have their own `this`. */
export function thisAssignments(member: ts.ClassElement): Set<string> {
  const found = new Set<string>();
  const target = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node) && node.expression.kind === ts.SyntaxKind.ThisKeyword && ts.isIdentifier(node.name)) {
      found.add(node.name.text);
    } else if (ts.isArrayLiteralExpression(node)) node.elements.forEach(target);
    else if (ts.isSpreadElement(node)) target(node.expression);
    else if (ts.isObjectLiteralExpression(node)) {
      for (const p of node.properties) {
        if (ts.isPropertyAssignment(p)) target(p.initializer);
        else if (ts.isSpreadAssignment(p)) target(p.expression);
      }
    } else if (ts.isBinaryExpression(node)) target(node.left);
  };
  const visit = (node: ts.Node): void => {
    if (node !== member && (ts.isClassLike(node) || ts.isFunctionDeclaration(node) || ts.isFunctionExpression(node))) return;
    if (ts.isBinaryExpression(node) && isAssigned(node.left)) target(node.left);
    ts.forEachChild(node, visit);
  };
  visit(member);
  return found;
}

/** A loose comparison, or one with a constant that serves as a setting: `const method = "kl"` … `if (method === "perplexity")`. */
function isSwitch(d: ts.Diagnostic, node: ts.Node, checker: ts.TypeChecker): boolean {
  const constant = (one: ts.Node): boolean => {
    if (!ts.isIdentifier(one)) return false;
    let symbol = checker.getSymbolAtLocation(one);
    if (symbol && symbol.flags & ts.SymbolFlags.Alias) symbol = checker.getAliasedSymbol(symbol);
    const declaration = symbol?.valueDeclaration;
    if (!declaration || !ts.isVariableDeclaration(declaration) || !isConst(declaration)) return false;
    // A constant of an earlier cell has only its type here.
    const made = declaration.initializer ?? declaration.type;
    return (
      !!made && (ts.isLiteralExpression(made) || isBoolean(made) || ts.isPrefixUnaryExpression(made) || ts.isTypeQueryNode(made))
    );
  };
  const outer = ts.findAncestor(node, (n) => ts.isBinaryExpression(n) || ts.isCaseClause(n));
  if (outer && ts.isCaseClause(outer)) return constant(outer.parent.parent.expression);
  const whole = ts.findAncestor(node, (n) => ts.isBinaryExpression(n) && n.getStart() === d.start && n.getWidth() === d.length);
  if (!whole || !ts.isBinaryExpression(whole)) return false;
  const { kind } = whole.operatorToken;
  if (kind === ts.SyntaxKind.EqualsEqualsToken || kind === ts.SyntaxKind.ExclamationEqualsToken) return true;
  return constant(whole.left) || constant(whole.right);
}

const isBoolean = (node: ts.Node): boolean => node.kind === ts.SyntaxKind.TrueKeyword || node.kind === ts.SyntaxKind.FalseKeyword;
const isConst = (declaration: ts.VariableDeclaration): boolean =>
  (ts.getCombinedNodeFlags(declaration) & ts.NodeFlags.Const) !== 0;

/** Arithmetic with dates, booleans (`new Date() - start`, `hits += x > 0`) and unions that include a number. */
function isOfNumbers(d: ts.Diagnostic, node: ts.Node, checker: ts.TypeChecker): boolean {
  const whole = ts.findAncestor(node, ts.isBinaryExpression);
  if (!whole) return false;
  const counts = (one: ts.Expression): boolean => {
    const type = checker.getTypeAtLocation(one);
    if (type.symbol?.name === "Date") return whole.operatorToken.kind !== ts.SyntaxKind.PlusToken;
    return some(type, ts.TypeFlags.BooleanLike | ts.TypeFlags.NumberLike | ts.TypeFlags.Any | ts.TypeFlags.Unknown);
  };
  if (d.code !== 2365 && !(d.start === whole.left.getStart() || d.start === whole.right.getStart())) return false;
  return counts(whole.left) && counts(whole.right);
}

const some = (type: ts.Type, flags: ts.TypeFlags): boolean =>
  type.isUnion() ? type.types.some((t) => (t.flags & flags) !== 0) : (type.flags & flags) !== 0;

/**
 * A plain string where a union of literals is expected, as from a loop over names or an options object:
 * `for (const e of ["hex", "base64"]) bytes.toString(e)`. The call checks it when it runs.
 */
function isPlainString(d: ts.Diagnostic, checker: ts.TypeChecker): boolean {
  const chain = typeof d.messageText === "string" ? { messageText: d.messageText, code: d.code } : d.messageText;
  if (d.code !== 2769) return isPlainLeaf(chain as ts.DiagnosticMessageChain, d.file!, checker);
  // For overloads, one of them is enough.
  return leaves(chain as ts.DiagnosticMessageChain).some((leaf) => isPlainLeaf(leaf, d.file!, checker));
}

const leaves = (chain: ts.DiagnosticMessageChain): ts.DiagnosticMessageChain[] =>
  chain.next?.length ? chain.next.flatMap(leaves) : [chain];

function isPlainLeaf(chain: ts.DiagnosticMessageChain, file: ts.SourceFile, checker: ts.TypeChecker): boolean {
  const [leaf] = leaves(chain);
  const match = /^(?:Type|Argument of type) 'string' is not assignable to (?:parameter of )?type '(.+)'\.$/.exec(
    leaf!.messageText,
  );
  if (!match) return false;
  return match[1]!.split(" | ").every((part) => {
    if (/^(?:"[^"]*"|null|undefined|\.\.\. \d+ more \.\.\.)$/.test(part)) return true;
    if (!/^\w+$/.test(part)) return false;
    const named = (checker as unknown as Resolver).resolveName(part, file, ts.SymbolFlags.Type, false);
    const type = named && checker.getDeclaredTypeOfSymbol(named);
    return !!type && (type.isUnion() ? type.types.every((t) => t.isStringLiteral()) : type.isStringLiteral());
  });
}

/** A method of TypeScript's checker that it does not declare. */
export interface Resolver {
  resolveName(
    name: string,
    location: ts.Node | undefined,
    meaning: ts.SymbolFlags,
    excludeGlobals: boolean,
  ): ts.Symbol | undefined;
}
