/**
 * Names of cells that are also names of Node: `performance`, `process`, `URL`, `name`. A live variable is visible to every module of the
 * process, so one with such a name would take Node's own from the lab and from packages. It lives under another name; only the cells know.
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
/** A mark that is part of the name and is not seen, so that `fetch is not a function` reads as the cell's author wrote it. */
const SUFFIX = "\u200c";

/** Whether Node, or the kernel, gives every cell a value of this name. */
export const isGlobal = (name: string): boolean => GLOBALS.has(name);

/** The name of a cell's variable while it runs. */
export function runtimeName(name: string): string {
  return GLOBALS.has(name) ? name + SUFFIX : name;
}

/** The cell's own name of a live variable. */
export function cellName(runtime: string): string {
  const name = runtime.endsWith(SUFFIX) ? runtime.slice(0, -SUFFIX.length) : runtime;
  return GLOBALS.has(name) ? name : runtime;
}

/** Says of an identifier whether it is a top-level name of the cell, its own or an earlier cell's, that lives under another name. */
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
