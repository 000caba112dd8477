/** Completion of a path inside a string, relative to the notebook's folder. */
import { readdirSync, statSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";

import ts = require("typescript");

export interface PathMatches {
  /** Names in one folder; folders end with a slash. */
  readonly matches: readonly string[];
  /** The range of the path's last part, in the file. */
  readonly start: number;
  readonly end: number;
}

/** Names of functions that take a path: their argument is one even before it looks like one. */
const TAKES_PATH =
  /^(?:load|corpus|(?:read|write|append|open|exists|stat|lstat|readdir|mkdir|rm|copy|cp|create|unlink|access)\w*|chdir|require)$/;

export function pathMatches(
  literal: ts.StringLiteralLike,
  file: ts.SourceFile,
  position: number,
  folder: string,
): PathMatches | undefined {
  const begin = literal.getStart(file) + 1;
  const typed = file.text.slice(begin, position);
  // TypeScript completes what it resolves itself.
  if (ts.isImportDeclaration(literal.parent) || ts.isExternalModuleReference(literal.parent)) return undefined;
  const looksLikeOne = /^\.{0,2}\/|\//.test(typed) && !/[\s:*?<>|]/.test(typed);
  if (!looksLikeOne && !takesPath(literal)) return undefined;
  const slash = typed.lastIndexOf("/") + 1;
  const started = typed.slice(slash);
  const where = isAbsolute(typed) ? typed.slice(0, slash) : resolve(folder, typed.slice(0, slash));
  const matches = namesIn(where).filter((name) => name.toLowerCase().startsWith(started.toLowerCase()));
  const visible = matches.filter((name) => started.startsWith(".") || !name.startsWith("."));
  if (!visible.length) return undefined;
  const start = begin + slash;
  // The text from the cursor to the quote is replaced too.
  const rest = /^[^"'`/\n]*(?=["'`])/.exec(file.text.slice(position))?.[0].length ?? 0;
  return { matches: visible, start, end: position + rest };
}

function takesPath(literal: ts.StringLiteralLike): boolean {
  const { parent } = literal;
  if (ts.isPropertyAssignment(parent)) return /^(?:path|file|reference|out)$/.test(parent.name.getText());
  if (!ts.isCallExpression(parent) || parent.arguments[0] !== literal) return false;
  const called = ts.isPropertyAccessExpression(parent.expression) ? parent.expression.name : parent.expression;
  return called.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(called) && TAKES_PATH.test(called.text));
}

/** Folders first, then models, then the rest. */
function namesIn(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  const isFolder = (name: string): boolean => statSync(join(folder, name), { throwIfNoEntry: false })?.isDirectory() ?? false;
  const rank = (name: string): number => (name.endsWith("/") ? 0 : name.endsWith(".gguf") ? 1 : 2);
  return names
    .slice(0, 5000)
    .map((name) => (isFolder(name) ? `${name}/` : name))
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}
