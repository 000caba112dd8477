/**
 * TypeScript's messages, reworded for a notebook. A notebook has no compiler options and no type packages to install, so messages that
 * recommend these say what to do instead.
 */
import ts = require("typescript");

import { hintFor } from "./hints.js";
import { missingFromNode, objectOf } from "./node-lib.js";
import { nodeAt } from "./tree.js";

/** The first Node that has a feature, and what to use until then. */
const SINCE: Readonly<Record<string, readonly [node: string, instead?: string]>> = {
  "Array.fromAsync": ["22", "Read it in a loop: for await (const x of xs) all.push(x)"],
  "Object.groupBy": ["21", "Collect in a loop: for (const x of xs) (groups[key(x)] ??= []).push(x)"],
  "Map.groupBy": ["21", "Collect in a loop: if (!groups.has(key)) groups.set(key, []); groups.get(key).push(x)"],
  "Promise.withResolvers": ["22", "Take them from new Promise((resolve, reject) => { … })"],
  "Promise.try": ["23", "Call it in an async function"],
  "ArrayBuffer.transfer": ["21", "Copy with slice()"],
  "ArrayBuffer.transferToFixedLength": ["21", "Copy with slice()"],
  "ArrayBuffer.detached": ["21"],
  "Set.union": ["22", "new Set([...a, ...b])"],
  "Set.intersection": ["22", "new Set([...a].filter((x) => b.has(x)))"],
  "Set.difference": ["22", "new Set([...a].filter((x) => !b.has(x)))"],
  "Set.symmetricDifference": ["22", "Filter [...a] and [...b]"],
  "Set.isSubsetOf": ["22", "[...a].every((x) => b.has(x))"],
  "Set.isSupersetOf": ["22", "[...b].every((x) => a.has(x))"],
  "Set.isDisjointFrom": ["22", "![...a].some((x) => b.has(x))"],
  "Error.isError": ["24", "x instanceof Error"],
  "Math.f16round": ["24"],
  "DataView.getFloat16": ["24"],
  "DataView.setFloat16": ["24"],
  "Atomics.pause": ["24"],
  "RegExp.escape": ["24"],
  DisposableStack: ["24"],
  AsyncDisposableStack: ["24"],
  SuppressedError: ["24"],
  Float16Array: ["24"],
  Iterator: ["22", "Make an array of it first: [...iterator]"],
  WebSocket: ["22"],
  CloseEvent: ["23"],
  navigator: ["21", 'Use node:os: import { cpus } from "node:os"'],
  URLPattern: ["24"],
};
const ITERATOR = "Make an array of it first: [...iterator]";

/** A longer list of names is not shown: completion has it. */
const NAMES = 12;
const SUGGESTION = / Do you need to (?:change your target library|install type definitions\b[^?]*)\?.*$/s;
const DOM = new Set([2584, 2812]);
const NAME = new Set([2304, 2552, 2583, 2580, 2582, 2584, 2585, 2591, 2592, 2593, 2868]);
const MEMBER = new Set([2339, 2550, 2551, 2568]);

/** The error's new text; undefined where it stays. `unassigned`: names without a value, since their cell failed before assigning them. */
export function wordingOf(d: ts.Diagnostic, program: ts.Program, unassigned: ReadonlyMap<string, string>): string | undefined {
  const node = d.file && d.start !== undefined ? nodeAt(d.file, d.start) : undefined;
  const message = ts.flattenDiagnosticMessageText(d.messageText, "\n");
  const name = node?.getText() ?? "";
  if (NAME.has(d.code)) {
    const cell = unassigned.get(name);
    if (cell)
      return `Cannot find name '${name}'. ${cell[0]!.toUpperCase()}${cell.slice(1)} declares it, but failed before that line.`;
    if (missingFromNode.get("")?.has(name) || (Object.hasOwn(SINCE, name) && !(name in globalThis))) return lacking(name);
    if (DOM.has(d.code)) {
      return `Cannot find name '${name}'. It exists in browsers, not in Node. For its type alone, begin the cell with /// <reference lib="dom" />.`;
    }
    if (node && isBareAssignment(node)) return `Cannot find name '${name}'. Declare it at its first assignment: let ${name} = …`;
  }
  if (MEMBER.has(d.code) && node && ts.isPropertyAccessExpression(node.parent)) {
    const owner = ownerOf(program.getTypeChecker(), program.getTypeChecker().getTypeAtLocation(node.parent.expression), name);
    if (owner !== undefined) return lacking(`${owner}.${name}`);
  }
  const given = node && ts.isPropertyAssignment(node.parent) && node.parent.name === node ? node.parent.initializer : node;
  if ((d.code === 2322 || d.code === 2345) && given && ts.isStringLiteralLike(given)) {
    const { near, names } = namesAt(program.getTypeChecker(), given);
    if (near !== undefined) return `${message} Did you mean "${near}"?`;
    if (names.length > 1 && names.length <= NAMES) return `${message} Known: ${names.map((n) => `"${n}"`).join(", ")}.`;
  }
  const plain = SUGGESTION.test(message) ? message.replace(SUGGESTION, "") : message;
  const reworded = plain + hintFor(d, node, program.getTypeChecker());
  return reworded === message ? undefined : reworded;
}

function lacking(what: string): string {
  const known = Object.hasOwn(SINCE, what) ? SINCE[what] : undefined;
  const since = known ? `; Node ${known[0]} has it` : "";
  const instead = what.startsWith("IteratorObject.") ? ITERATOR : known?.[1];
  const name = what.replace(/^IteratorObject\./, "Iterator.prototype.");
  return `Node ${process.versions.node}, which runs the cells, has no ${name}${since}.${instead ? ` ${instead}.` : ""}`;
}

/** The literals accepted in place of a string literal, and the nearest one. Its number fills the placeholders of patterns. */
function namesAt(checker: ts.TypeChecker, literal: ts.StringLiteralLike): { near: string | undefined; names: string[] } {
  const number = /\d+/.exec(literal.text)?.[0] ?? "0";
  const names = (type: ts.Type | undefined): string[] => {
    if (!type) return [];
    if (type.isUnionOrIntersection()) return type.types.flatMap(names);
    if (type.isStringLiteral()) return [type.value];
    if (type.flags & ts.TypeFlags.TemplateLiteral) {
      const { texts, types } = type as ts.TemplateLiteralType;
      return types.every((t) => t.flags & ts.TypeFlags.NumberLike) ? [texts.join(number)] : [];
    }
    return type.flags & ts.TypeFlags.Instantiable ? names(checker.getBaseConstraintOfType(type)) : [];
  };
  type Spelling = { getSpellingSuggestion(name: string, candidates: string[], name_: (c: string) => string): string | undefined };
  const all = [...new Set(names(checker.getContextualType(literal)))];
  return { near: (ts as unknown as Spelling).getSpellingSuggestion(literal.text, all, (c) => c), names: all };
}

/** The class whose member the running Node lacks: "Array" for `Array.fromAsync`. */
function ownerOf(checker: ts.TypeChecker, type: ts.Type, member: string): string | undefined {
  const seen = new Set<ts.Type>();
  const names: string[] = [];
  const add = (t: ts.Type): void => {
    if (seen.has(t)) return;
    seen.add(t);
    if (t.symbol) names.push(t.symbol.name);
    const target = (t as ts.TypeReference).target ?? t;
    for (const base of target.isClassOrInterface() ? checker.getBaseTypes(target) : []) add(base);
  };
  add(checker.getApparentType(type));
  const owner = names.find((n) => missingFromNode.get(n)?.has(member) && objectOf(n) !== undefined);
  return owner?.replace(/Constructor$/, "").replace(/^Readonly(?=Set|Map|Array)/, "");
}

/** Whether it is `x` in a statement `x = 5`, as in Python. */
const isBareAssignment = (node: ts.Node): boolean =>
  ts.isBinaryExpression(node.parent) &&
  node.parent.left === node &&
  node.parent.operatorToken.kind === ts.SyntaxKind.EqualsToken &&
  ts.isExpressionStatement(node.parent.parent);
