/**
 * The language's types, as far as the running Node has the features. TypeScript's `lib.es2024.*` and `lib.esnext.*` declare what some versions
 * of Node lack (`Object.groupBy`, `Array.fromAsync` on Node 20). Each name in them is looked up in this process, which runs on the same Node as
 * the cells. What is missing is left out and recorded, so that errors can say that Node lacks it.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import ts = require("typescript");

/** What was left out: names of members by their interface, and names of globals under "". */
export type Missing = ReadonlyMap<string, ReadonlySet<string>>;
const absent = new Map<string, Set<string>>();

/** What the files read so far declare and this Node lacks. */
export const missingFromNode: Missing = absent;

/** Whether a file may declare what Node lacks. Everything up to ES2023 exists in every supported Node. */
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

/** The types of `WebAssembly`, from TypeScript's library for workers: Node has it, but no `lib.es*` declares it. */
export function webAssemblyTypes(): string {
  const path = join(dirname(ts.getDefaultLibFilePath({})), "lib.webworker.d.ts");
  const text = readFileSync(path, "utf8").replaceAll("\r\n", "\n");
  const start = text.indexOf("\ndeclare namespace WebAssembly {");
  const end = text.indexOf("\n}\n", start);
  if (start < 0 || end < 0) return "";
  const body = text
    .slice(start + 1, end + 2)
    .replace(/\bBufferSource\b/g, "(ArrayBufferView | ArrayBuffer)")
    // The exports of a module are not known to TypeScript: `any` allows `instance.exports.add(1, 2)`.
    .replace(/type ExportValue = .*;/, "type ExportValue = any;");
  return textForNode(body);
}

type Scope = Readonly<Record<string, unknown>>;

function lookThroughAll(statements: readonly ts.Statement[], scope: object, file: ts.SourceFile, drop: ts.Node[]): void {
  // Variables first: the interface of a class that is missing is dropped too.
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
    const host = objectOf(node.name.text, here);
    if (host === "none") drop.push(node);
    else if (isObject(host)) for (const m of node.members) lookAt(m, node.name.text, host, file, drop);
    if (isObject(host) && node.heritageClauses?.some((clause) => !disposes(clause, host, file))) {
      // `lib.esnext.disposable` adds nothing else to such an interface.
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

/** The key of a member. For `[Symbol.x]` where that symbol is missing, a new symbol, which no object has. */
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
 * The object that has the members of an interface: for `ArrayConstructor` it is `Array`, for `Array` its prototype. "none": the class does not
 * exist. Undefined: the interface is only a type.
 */
export function objectOf(name: string, scope: object = globalThis): object | "none" | undefined {
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
