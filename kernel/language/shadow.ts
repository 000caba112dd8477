/**
 * Variables of cells with the name of a global of Node: `performance`, `process`, `URL`, `name`. A live variable is visible to every module of
 * the process, so it would shadow the global in the lab and in packages. Therefore it runs under another name, which only cells use.
 */
import ts = require("typescript");

const GLOBALS = new Set([
  ...Object.getOwnPropertyNames(globalThis),
  "display",
  "clearOutput",
  "input",
  "password",
  "prompt",
  "confirm",
  "alert",
  "Deno",
  "require",
  "module",
  "exports",
  "__dirname",
  "__filename",
]);
/** An invisible suffix, so that messages such as `fetch is not a function` look as the cell's author expects. */
const SUFFIX = "\u200c";

/** Whether Node or the kernel has a global of this name. */
export const isGlobal = (name: string): boolean => GLOBALS.has(name);

/** The name under which a cell's variable runs. */
export function runtimeName(name: string): string {
  return GLOBALS.has(name) ? name + SUFFIX : name;
}

/** The name in the cell of a live variable. */
export function cellName(runtime: string): string {
  const name = runtime.endsWith(SUFFIX) ? runtime.slice(0, -SUFFIX.length) : runtime;
  return GLOBALS.has(name) ? name : runtime;
}

/** A function that tells whether an identifier is a top-level name, of this or an earlier cell, that runs under another name. */
export function renamedIn(checker: ts.TypeChecker, file: ts.SourceFile): ((node: ts.Identifier) => boolean) | undefined {
  const locals = (file as unknown as { locals?: ReadonlyMap<string, ts.Symbol> }).locals;
  const names = new Map([...(locals ?? [])].filter(([name]) => GLOBALS.has(name)));
  if (!names.size) return undefined;
  return (node) => {
    const own = names.get(node.text);
    if (!own) return false;
    const parent = node.parent;
    const symbol =
      parent && ts.isShorthandPropertyAssignment(parent) && parent.name === node
        ? checker.getShorthandAssignmentValueSymbol(parent)
        : checker.getSymbolAtLocation(node);
    if (!symbol) return false;
    return symbol === own || symbol === (own as { exportSymbol?: ts.Symbol }).exportSymbol;
  };
}
