/** The imports of each file, and the broken rules. walls.test.ts runs it over the repository and over planted faults. */
import { dirname, join } from "node:path/posix";
import ts from "typescript";
import type { Room } from "./rooms.js";

/** The text of each file, by its path from the repository's root. */
export type Files = ReadonlyMap<string, string>;

const isTypeScript = (file: string): boolean => /\.[cm]?[jt]s$/.test(file);
const isCpp = (file: string): boolean => /\.(?:cpp|h|inl|cu|cuh)$/.test(file);
export const isCode = (file: string): boolean => isTypeScript(file) || isCpp(file) || /\.(?:py)$/.test(file);
const isTest = (file: string): boolean => /\.test\.(?:ts|cpp)$|\/sample[^/]*\.ts$/.test(file);
const tree = (file: string): string => file.split("/")[0]!;

/** The room of a file: that of its own rule, of its folder, or of a folder above whose rule includes folders. */
export function roomOf(file: string, rooms: readonly Room[]): Room | undefined {
  const own = rooms.find(({ name }) => name === file || name === dirname(file));
  const byFile = rooms.find(({ name }) => name === file);
  return byFile ?? own ?? rooms.find(({ name, deep }) => deep && file.startsWith(`${name}/`));
}

/** What the text of a file imports: types, re-exports, `import()` and `require()` too. */
function specifiers(file: string, text: string): string[] {
  if (isCpp(file)) return [...text.matchAll(/^[ \t]*#[ \t]*include[ \t]*"([^"]+)"/gm)].map((match) => match[1]!);
  const found: string[] = [];
  const add = (node: ts.Node | undefined) => {
    if (node && ts.isStringLiteralLike(node)) found.push(node.text);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier);
    else if (ts.isExternalModuleReference(node)) add(node.expression);
    else if (ts.isImportTypeNode(node)) add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined);
    else if (ts.isCallExpression(node)) {
      const { expression } = node;
      const loads =
        expression.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(expression) && expression.text === "require");
      if (loads) add(node.arguments[0]);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return found;
}

/** The file that a specifier means, or the name of a package. Undefined for Node's own modules. */
function resolve(specifier: string, file: string, files: Files): string | undefined {
  if (isCpp(file)) {
    const candidates = [join(dirname(file), specifier), join("native", specifier), join("cuda", specifier), specifier];
    return candidates.find((path) => files.has(path)) ?? specifier;
  }
  if (specifier.startsWith(".")) {
    const path = join(dirname(file), specifier);
    return [path, path.replace(/js$/, "ts"), `${path}/index.ts`].find((one) => files.has(one)) ?? path;
  }
  if (specifier.startsWith("node:")) return undefined;
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

/** Every import of every file. */
function importsOf(files: Files): Map<string, string[]> {
  const imports = new Map<string, string[]>();
  for (const [file, text] of files) {
    if (!isTypeScript(file) && !isCpp(file)) continue;
    imports.set(
      file,
      specifiers(file, text).flatMap((specifier) => resolve(specifier, file, files) ?? []),
    );
  }
  return imports;
}

/** Imports that the rooms do not allow, each as `a imports b, which room r may not`. */
export function forbidden(files: Files, rooms: readonly Room[]): string[] {
  const faults: string[] = [];
  for (const [file, targets] of importsOf(files)) {
    const room = roomOf(file, rooms);
    if (!room || room.mayImport === "anything") continue;
    const { name, mayImport } = room;
    for (const target of targets) {
      const there = files.has(target) ? roomOf(target, rooms) : undefined;
      const allowed = there === room || mayImport.includes(target) || (there !== undefined && mayImport.includes(there.name));
      if (allowed || (isTest(file) && forTests(file, target, there))) continue;
      faults.push(`${file} imports ${target}, which ${name} may not`);
    }
  }
  return faults;
}

function forTests(file: string, target: string, there: Room | undefined): boolean {
  if (there === undefined) return !target.includes("/") || target.startsWith("@");
  return tree(target) === tree(file) || ["test/support/", "lab/", "native/testing/"].some((room) => target.startsWith(room));
}

/** Circles of imports, each as `a -> b -> a`. */
export function circles(files: Files): string[] {
  const imports = importsOf(files);
  const found = new Map<string, string>();
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const at = path.indexOf(file);
    if (at >= 0) {
      const circle = path.slice(at);
      found.set([...circle].sort().join(), [...circle, file].join(" -> "));
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const target of imports.get(file) ?? []) visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of imports.keys()) visit(file);
  return [...found.values()];
}
