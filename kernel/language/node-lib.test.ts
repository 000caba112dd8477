import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import ts from "typescript";
import { expect, test } from "vitest";
import { Compiler } from "./compiler.js";
import { followsNode, objectOf, textForNode } from "./node-lib.js";

const compiler = new Compiler(tmpdir());
const program = compiler.program();
const checker = program.getTypeChecker();
const isLib = (path: string): boolean =>
  /\/typescript\/lib\/lib\.[\w.]*d\.ts$/.test(path) || path.endsWith("__cell_globals.d.ts");

/** Fields of the object itself, which its prototype need not have. */
const OWN = ["length", "message", "cause", "stack", "errors", "lastIndex", "name", "prototype", "arguments", "caller", "code"];
/** Interfaces without a value of the same name, or with one that they do not describe. */
const TYPES_ONLY = new Set([
  "RegExpMatchArray",
  "RegExpExecArray",
  "TemplateStringsArray",
  "IArguments",
  "CallableFunction",
  "NewableFunction",
]);

test("every name that the language's types declare exists in the running Node", () => {
  const missing: string[] = [];
  let looked = 0;
  for (const file of program.getSourceFiles().filter((f) => isLib(f.fileName))) {
    const visit = (node: ts.Node, scope: object, where: string): void => {
      const here = scope as Record<string, unknown>;
      if (ts.isModuleDeclaration(node) && node.body && ts.isModuleBlock(node.body)) {
        const global = (node.flags & ts.NodeFlags.GlobalAugmentation) !== 0;
        const inner = global ? globalThis : here[node.name.text];
        // Intl's options and NodeJS's types have no value.
        if (inner === undefined || inner === null) return;
        for (const s of node.body.statements) visit(s, inner as object, global ? "" : `${node.name.text}.`);
      } else if (ts.isVariableStatement(node)) {
        for (const { name } of node.declarationList.declarations) {
          looked++;
          if (!(name.getText(file) in scope)) missing.push(`${where}${name.getText(file)}`);
        }
      } else if (ts.isFunctionDeclaration(node) && node.name) {
        // The engine adds these globals.
        if (["display", "clearOutput", "input", "password", "prompt", "confirm", "alert"].includes(node.name.text)) return;
        looked++;
        if (!(node.name.text in scope)) missing.push(`${where}${node.name.text}`);
      } else if (ts.isInterfaceDeclaration(node) && !TYPES_ONLY.has(node.name.text)) {
        const host = objectOf(node.name.text, scope);
        if (typeof host !== "object" && typeof host !== "function") return;
        for (const m of node.members) {
          if (!m.name) continue;
          const text = m.name.getText(file);
          const symbol = /^\[Symbol\.(\w+)\]$/.exec(text);
          const key = symbol ? (Symbol as unknown as Record<string, symbol>)[symbol[1]!] : text.replace(/^["']|["']$/g, "");
          looked++;
          if (key !== undefined && (key in host || OWN.includes(String(key)))) continue;
          missing.push(`${where}${node.name.text}.${text}`);
        }
      }
    };
    for (const s of file.statements) visit(s, globalThis, "");
  }
  expect(looked).toBeGreaterThan(900);
  expect(missing).toEqual([]);
});

test("what exists is kept: everything of ES2024 and later that this Node has", () => {
  const global = (name: string, member: string): boolean => {
    const symbol = (checker as unknown as { resolveName(n: string, l: undefined, m: number, x: boolean): ts.Symbol }).resolveName(
      name,
      undefined,
      ts.SymbolFlags.Type,
      false,
    );
    return !!checker.getPropertyOfType(checker.getDeclaredTypeOfSymbol(symbol), member);
  };
  const pairs: readonly [type: string, member: string, there: boolean][] = [
    ["ArrayBuffer", "resize", "resize" in ArrayBuffer.prototype],
    ["ArrayBuffer", "transfer", "transfer" in ArrayBuffer.prototype],
    ["SharedArrayBuffer", "grow", "grow" in SharedArrayBuffer.prototype],
    ["String", "isWellFormed", "isWellFormed" in String.prototype],
    ["RegExp", "unicodeSets", "unicodeSets" in RegExp.prototype],
    ["Atomics", "waitAsync", "waitAsync" in Atomics],
    ["ObjectConstructor", "groupBy", "groupBy" in Object],
    ["MapConstructor", "groupBy", "groupBy" in Map],
    ["ArrayConstructor", "fromAsync", "fromAsync" in Array],
    ["PromiseConstructor", "withResolvers", "withResolvers" in Promise],
    ["Set", "union", "union" in Set.prototype],
    ["ErrorConstructor", "isError", "isError" in Error],
    ["SymbolConstructor", "dispose", "dispose" in Symbol],
  ];
  for (const [type, member, there] of pairs) expect(global(type, member), `${type}.${member}`).toBe(there);
});

test("a name that no Node has is left out, and the text around it is intact", () => {
  const text = [
    "/** kept */ interface Array<T> { /** of */ at(i: number): T; neverThere(): void; [Symbol.neverThere]: 1; [Symbol.iterator](): any }",
    "interface NeverThere { a: 1 } interface NeverThereConstructor { new (): NeverThere } declare var NeverThere: NeverThereConstructor;",
    "declare function alsoNever(): void; interface OnlyAType { anything: 1 }",
    "declare namespace Intl { interface NumberFormat { format(x: number): string; neverFormat(): 1 } var Never: 1 }",
  ].join("\n");
  expect(textForNode(text).replace(/\s+/g, " ").trim()).toBe(
    "/** kept */ interface Array<T> { /** of */ at(i: number): T; [Symbol.iterator](): any } " +
      "interface OnlyAType { anything: 1 } declare namespace Intl { interface NumberFormat { format(x: number): string; } }",
  );
});

test("only the files after ES2023 are changed", () => {
  const lib = createRequire(import.meta.url)
    .resolve("typescript")
    .replace(/typescript\.js$/, "");
  expect(["lib.es2024.object.d.ts", "lib.es2024.d.ts", "lib.esnext.array.d.ts"].map((f) => followsNode(`${lib}${f}`))).toEqual([
    true,
    true,
    true,
  ]);
  expect(["lib.es2023.array.d.ts", "lib.dom.d.ts"].map((f) => followsNode(`${lib}${f}`))).toEqual([false, false]);
});
