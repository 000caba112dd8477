/**
 * Fields that a class assigns by `this.x = …` without declaring them, as in JavaScript. They are declared as `any` in an interface of the same
 * name, which TypeScript merges with the class, so that later cells and completion see them too.
 */
import ts = require("typescript");

import { thisAssignments } from "./tolerance.js";
import { nodeAt } from "./tree.js";

/** `interface A { x: any }` for each top-level class where errors say that a field it assigns is missing; undefined if there is none. */
export function assignedFields(errors: readonly ts.Diagnostic[], file: ts.SourceFile): string | undefined {
  const fields = new Map<ts.ClassDeclaration, Set<string>>();
  for (const { code, start } of errors) {
    if (code !== 2339 && code !== 2551) continue;
    const name = nodeAt(file, start!);
    const access = name?.parent;
    if (!access || !ts.isPropertyAccessExpression(access) || access.expression.kind !== ts.SyntaxKind.ThisKeyword) continue;
    const member = ts.findAncestor(access, (n): n is ts.ClassElement => ts.isClassElement(n) && ts.isClassLike(n.parent));
    const owner = member?.parent;
    if (!owner || !ts.isClassDeclaration(owner) || !owner.name || owner.parent !== file || isStatic(member)) continue;
    if (!owner.members.some((m) => !isStatic(m) && thisAssignments(m).has(name.getText(file)))) continue;
    fields.set(owner, (fields.get(owner) ?? new Set()).add(name.getText(file)));
  }
  if (!fields.size) return undefined;
  const declare = ([owner, names]: [ts.ClassDeclaration, Set<string>]): string => {
    const parameters = owner.typeParameters?.length ? `<${owner.typeParameters.map((p) => p.getText(file)).join(", ")}>` : "";
    // Merged declarations must all be exported, or none.
    const modifier = ts.getModifiers(owner)?.some((m) => m.kind === ts.SyntaxKind.ExportKeyword) ? "export " : "";
    return `${modifier}interface ${owner.name!.text}${parameters} { ${[...names].map((n) => `${n}: any`).join("; ")} }`;
  };
  return [...fields].map(declare).join(" ");
}

const isStatic = (member: ts.ClassElement | undefined): boolean =>
  !!member &&
  (ts.isClassStaticBlockDeclaration(member) ||
    (ts.canHaveModifiers(member) && !!ts.getModifiers(member)?.some((m) => m.kind === ts.SyntaxKind.StaticKeyword)));
