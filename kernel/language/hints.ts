/**
 * Hints after TypeScript's own messages: a name of the lab that was not imported, a name of Python, a missing `await`, missing arguments,
 * the members that exist.
 */
import ts = require("typescript");

/** The exports of `sparselab` and `sparselab/notebook`; a test compares them with the modules. */
export const EXPORTS: Readonly<Record<string, readonly string[]>> = {
  sparselab: [
    "LabError",
    "ablate",
    "corpus",
    "fatrelu",
    "load",
    "measure",
    "patch",
    "plot",
    "save",
    "show",
    "smollm2",
    "steer",
    "sweep",
    "tensor",
    "tinyWorld",
  ],
  "sparselab/notebook": [
    "AnyModel",
    "Button",
    "Checkbox",
    "Comm",
    "Dropdown",
    "FloatSlider",
    "HBox",
    "HTML",
    "IntSlider",
    "Layout",
    "Output",
    "Play",
    "Text",
    "VBox",
    "Widget",
    "interact",
    "registerTarget",
    "slider",
  ],
};

const PYTHON: Readonly<Record<string, string>> = {
  print: "console.log(x)",
  len: "x.length",
  range: "a loop for (let i = 0; i < n; i++), or Array.from({ length: n }, (_, i) => i)",
  enumerate: "for (const [i, x] of xs.entries())",
  zip: "a.map((x, i) => [x, b[i]])",
  sorted: "[...xs].sort((a, b) => a - b)",
  sum: "xs.reduce((a, b) => a + b, 0)",
  abs: "Math.abs(x)",
  max: "Math.max(...xs)",
  min: "Math.min(...xs)",
  round: "Math.round(x), or x.toFixed(2) for a text",
  str: "String(x)",
  int: "Math.trunc(Number(x))",
  float: "Number(x)",
  dict: "an object { a: 1 }, or new Map()",
  list: "[...xs]",
  type: "typeof x",
  None: "null",
  True: "true",
  False: "false",
  self: "this",
  np: "tensor from sparselab, and Math",
  plt: "plot from sparselab",
};

/** What to pass where a type of the lab is expected. */
const TO = "to (?:type|parameter of type)";
const FITS: readonly (readonly [RegExp, string])[] = [
  [
    new RegExp(`${TO} 'Policy'\\.`),
    ' A policy is { kind: "fatrelu", t: 1 } or { kind: "as-trained" }; a sweep takes a list of them, such as fatrelu(0, 1, 2).',
  ],
  [new RegExp(`${TO} 'Corpus'\\.`), ' A text file is corpus("file.txt"), a text itself corpus.text("…").'],
  [new RegExp(`${TO} 'readonly Intervention(?:<[^']*>)?\\[\\]'\\.`), " Interventions are a list: [steer(…), ablate(…)]."],
  [new RegExp(`${TO} 'PerLayer'\\.`), " t is a number, or a list with one number for each layer."],
];

/** A longer list of members is omitted: completion has it. */
const MEMBERS = 20;
const NO_NAME = new Set([2304, 2552, 2582]);
const NO_MEMBER = new Set([2339]);
/** "Did you forget to use 'await'?", and which arguments were not provided. */
const RELATED = new Set([2773, 6210, 6211, 6236]);
const LAB = /\/(?:lab|kernel\/notebook)\/[^"]*\.d\.ts$/;

/** The hint, with a space before it; empty where there is none. @param node what the error points at */
export function hintFor(d: ts.Diagnostic, node: ts.Node | undefined, checker: ts.TypeChecker): string {
  const related = (d.relatedInformation ?? []).filter((r) => RELATED.has(r.code));
  if (related.length) return ` ${related.map((r) => ts.flattenDiagnosticMessageText(r.messageText, " ")).join(" ")}`;
  const name = node?.getText() ?? "";
  if (NO_NAME.has(d.code)) return nameHint(name);
  if (d.code === 1141 && /^[\w@./:-]+$/.test(name)) return ` Put the module's name in quotes: "${name}"`;
  const owner =
    node && ts.isPropertyAccessExpression(node.parent) && node.parent.name === node ? node.parent.expression : undefined;
  if (NO_MEMBER.has(d.code) && owner) return memberHint(checker.getTypeAtLocation(owner), name);
  const module = d.code === 2305 ? /'"(sparselab(?:\/notebook)?)"'/.exec(textOf(d))?.[1] : undefined;
  if (module) return swapped(name, EXPORTS[module]!) ?? ` It exports: ${EXPORTS[module]!.join(", ")}.`;
  if (d.code === 2322 || d.code === 2345) return FITS.find(([type]) => type.test(textOf(d)))?.[1] ?? "";
  return "";
}

const textOf = (d: ts.Diagnostic): string => ts.flattenDiagnosticMessageText(d.messageText, "\n");

function nameHint(name: string): string {
  const module = Object.keys(EXPORTS).find((m) => EXPORTS[m]!.includes(name));
  if (module) return ` Import it first: import { ${name} } from "${module}"`;
  return Object.hasOwn(PYTHON, name) ? ` That is Python; here: ${PYTHON[name]}` : "";
}

/** The member with the same letters in another order, which TypeScript does not find for short names; or the members of a value of the lab. */
function memberHint(type: ts.Type, name: string): string {
  const properties = type.getProperties();
  const near = swapped(
    name,
    properties.map((p) => p.name),
  );
  if (near) return near;
  const file = (type.symbol ?? type.aliasSymbol)?.declarations?.[0]?.getSourceFile().fileName;
  if (!file || !LAB.test(file.replaceAll("\\", "/"))) return "";
  // Of a module, only exports that are values.
  const isValue = (p: ts.Symbol): boolean =>
    p.flags & ts.SymbolFlags.Alias ? EXPORTS.sparselab!.includes(p.name) : (p.flags & ts.SymbolFlags.Value) !== 0;
  const names = properties.filter((p) => !p.name.startsWith("__") && isValue(p)).map((p) => p.name);
  return names.length && names.length <= MEMBERS ? ` It has: ${names.join(", ")}.` : "";
}

const letters = (name: string): string => [...name.toLowerCase()].sort().join("");

function swapped(name: string, names: readonly string[]): string | undefined {
  const near = name.length > 2 ? names.find((n) => n.length === name.length && letters(n) === letters(name)) : undefined;
  return near && ` Did you mean '${near}'?`;
}
