/**
 * The language's own types as the running Node has them. TypeScript's `lib.es2024.*` and `lib.esnext.*` promise what some versions of Node
 * lack (`Object.groupBy`, `Array.fromAsync` on Node 20). Each name in them is looked up in this process, which is the Node that runs cells, too:
 * what is not there is left out, and remembered, so that an error can say that it is Node that lacks it.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import ts = require("typescript");

/** What was left out: names of members by the interface they stood in, and names of globals under "". */
export type Absent = ReadonlyMap<string, ReadonlySet<string>>;
const absent = new Map<string, Set<string>>();

/** What the files read so far promise and this Node lacks. */
export const absentFromNode: Absent = absent;

/** Files whose names need not exist. Those up to ES2023 are complete in every Node that this package runs on. */
export const followsNode = (path: string): boolean => /\/typescript\/lib\/lib\.es(?:2024|next)\.[\w.]*\.?d\.ts$/.test(path);

/** The text of such a file without what this Node lacks. */
export function textForNode(text: string): string {
  const file = ts.createSourceFile("lib.d.ts", text, ts.ScriptTarget.ES2022, false);
  const drop: ts.Node[] = [];
  lookThroughAll(file.statements, globalThis, file, drop);
  drop.sort((a, b) => a.pos - b.pos);
  let out = "";
  let from = 0;
  for (const node of drop) {
    out += text.slice(from, node.getStart(file));
    from = node.end;
  }
  return out + text.slice(from);
}

/** `WebAssembly` as TypeScript declares it for workers: it is part of Node, but of no `lib.es*`. */
export function webAssemblyTypes(): string {
  const path = join(dirname(ts.getDefaultLibFilePath({})), "lib.webworker.d.ts");
  const text = readFileSync(path, "utf8").replaceAll("\r\n", "\n");
  const start = text.indexOf("\ndeclare namespace WebAssembly {");
  const end = text.indexOf("\n}\n", start);
  if (start < 0 || end < 0) return "";
  const body = text
    .slice(start + 1, end + 2)
    .replace(/\bBufferSource\b/g, "(ArrayBufferView | ArrayBuffer)")
    // What a module exports, nobody knows before it is read: `instance.exports.add(1, 2)` may be called.
    .replace(/type ExportValue = .*;/, "type ExportValue = any;");
  return textForNode(body);
}

type Scope = Readonly<Record<string, unknown>>;

function lookThroughAll(statements: readonly ts.Statement[], scope: object, file: ts.SourceFile, drop: ts.Node[]): void {
  // Variables first: an interface of a class that is not there goes with it.
  const order = [...statements].sort((a, b) => Number(ts.isVariableStatement(b)) - Number(ts.isVariableStatement(a)));
  for (const s of order) lookThrough(s, scope, file, drop);
}

function lookThrough(node: ts.Statement, scope: object, file: ts.SourceFile, drop: ts.Node[]): void {
  const here = scope as Scope;
  const owner = scope === globalThis ? "" : "namespace";
  if (ts.isModuleDeclaration(node)) {
    const global = (node.flags & ts.NodeFlags.GlobalAugmentation) !== 0;
    const inner = global ? globalThis : here[node.name.text];
    if (!isObject(inner)) {
      lacks(owner, node.name.text);
      drop.push(node);
    } else if (node.body && ts.isModuleBlock(node.body)) {
      lookThroughAll(node.body.statements, inner, file, drop);
    }
  } else if (ts.isVariableStatement(node)) {
    const names = node.declarationList.declarations.map((d) => (d.name as ts.Identifier).text);
    if (names.every((name) => name in scope)) return;
    for (const name of names) lacks(owner, name);
    drop.push(node);
  } else if (ts.isFunctionDeclaration(node) && node.name) {
    if (node.name.text in scope) return;
    lacks(owner, node.name.text);
    drop.push(node);
  } else if (ts.isInterfaceDeclaration(node)) {
    const host = hostOf(node.name.text, here);
    if (host === "none") drop.push(node);
    else if (isObject(host)) for (const m of node.members) lookAt(m, node.name.text, host, file, drop);
    if (isObject(host) && node.heritageClauses?.some((clause) => !disposes(clause, host, file))) {
      // It is the only thing that `lib.esnext.disposable` says of these.
      drop.push(...node.heritageClauses);
    }
  }
}

function lookAt(member: ts.TypeElement, owner: string, host: object, file: ts.SourceFile, drop: ts.Node[]): void {
  if (!member.name) return;
  const key = keyOf(member.name, file);
  if (key === undefined || key in host) return;
  lacks(owner, typeof key === "string" ? key : (key.description ?? ""));
  drop.push(member);
}

/** The key that a name stands for. For `[Symbol.x]` where there is no such symbol it is a new symbol, which nothing has. */
function keyOf(name: ts.PropertyName, file: ts.SourceFile): string | symbol | undefined {
  if (ts.isIdentifier(name) || ts.isStringLiteral(name) || ts.isNumericLiteral(name)) return name.text;
  if (!ts.isComputedPropertyName(name)) return undefined;
  const known = /^Symbol\.(\w+)$/.exec(name.expression.getText(file));
  if (!known) return undefined;
  return (Symbol as unknown as Readonly<Record<string, symbol | undefined>>)[known[1]!] ?? Symbol(`Symbol.${known[1]}`);
}

const iteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())) as object;
const asyncIteratorPrototype = Object.getPrototypeOf(
  Object.getPrototypeOf(Object.getPrototypeOf((async function* () {})())),
) as object;

/**
 * The object that has the members of an interface: of `ArrayConstructor` it is `Array`, of `Array` its prototype. "none": the class is not
 * there at all. Undefined: a type only, of which there is nothing to look at.
 */
export function hostOf(name: string, scope: object = globalThis): object | "none" | undefined {
  if (name === "IteratorObject") return iteratorPrototype;
  if (name === "AsyncIteratorObject") return asyncIteratorPrototype;
  const all = scope as Scope;
  const built = name.replace(/^Readonly(?=Array$|Map$|Set$)/, "").replace(/(?<=.)Constructor$/, "");
  if (absent.get("")?.has(built)) return "none";
  const value = all[built];
  if (!isObject(value)) return undefined;
  if (name.endsWith("Constructor") || typeof value !== "function") return value;
  const { prototype } = value as { readonly prototype?: unknown };
  return isObject(prototype) ? prototype : value;
}

function disposes(clause: ts.HeritageClause, host: object, file: ts.SourceFile): boolean {
  return clause.types.every(({ expression }) => {
    const name = expression.getText(file);
    if (name === "Disposable") return Symbol.dispose in host;
    return name !== "AsyncDisposable" || Symbol.asyncDispose in host;
  });
}

const isObject = (value: unknown): value is object =>
  (typeof value === "object" && value !== null) || typeof value === "function";

function lacks(owner: string, name: string): void {
  const names = absent.get(owner) ?? new Set();
  absent.set(owner, names.add(name));
}
