/** Advice in place of, or after, TypeScript's errors: foreign syntax, a missing module, JSX, legacy decorators. */
import { readdirSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";

import ts = require("typescript");

import { missingModule } from "../missing.js";
import { foreignSyntaxHint } from "./foreign-syntax.js";
import { decoratorRefusal, jsxRefusal } from "./forms.js";

/** The errors of a cell with wrong syntax, or one error with advice in their place. */
export function explainSyntax(
  errors: readonly ts.DiagnosticWithLocation[],
  code: string,
  folder: string,
): readonly ts.DiagnosticWithLocation[] {
  const first = errors[0]!;
  const jsx = jsxRefusal(code);
  if (jsx) return [{ ...first, code: 0, messageText: jsx }];
  // The line of the error, or the one above: after `%time` the parser reads on into the next line.
  const begin = code.lastIndexOf("\n", first.start - 1) + 1;
  const above = code.lastIndexOf("\n", begin - 2) + 1;
  for (const at of begin > 0 ? [begin, above] : [begin]) {
    const line = code.slice(at).split("\n", 1)[0]!;
    const hint = foreignSyntaxHint(line, folder);
    const start = at + line.length - line.trimStart().length;
    if (hint) return [{ ...first, code: 0, start, length: line.trim().length, messageText: hint }];
  }
  return errors;
}

const NO_NAME = new Set([2304, 2552, 2580, 2581, 2582, 2583, 2584]);
const NO_MODULE = new Set([2307, 2792, 2882]);

/** The diagnostic, with advice where there is some. */
export function explain(d: ts.Diagnostic, code: string, folder: string): ts.Diagnostic {
  const decorator = decoratorRefusal(d);
  if (decorator) return { ...d, messageText: `${ts.flattenDiagnosticMessageText(d.messageText, "\n")}\n${decorator}` };
  if (!d.file || d.start === undefined) return d;
  const word = d.file.text.slice(d.start, d.start + (d.length ?? 0));
  if (NO_NAME.has(d.code)) {
    // `!ls` is a valid expression.
    const line = code
      .split("\n")
      .find((l) => new RegExp(`^\\s*!{0,2}\\s*${word.replace(/\W/g, "\\$&")}\\s*(?:$|[\\s-])`).test(l));
    const hint = line && foreignSyntaxHint(line, folder);
    return hint ? { ...d, code: 0, messageText: hint } : d;
  }
  if (!NO_MODULE.has(d.code)) return d;
  const specifier = /^(["'])(.*)\1$/s.exec(word)?.[2] ?? /'([^']+)'/.exec(String(d.messageText))?.[1];
  if (specifier === undefined) return d;
  const hint = missingModule(specifier, folder) ?? nearFile(specifier, folder);
  return { ...d, messageText: `Cannot find module '${specifier}'.${hint ? ` ${hint}` : ""}` };
}

/** Which file a relative specifier may have meant. */
function nearFile(specifier: string, folder: string): string | undefined {
  const path = resolve(folder, specifier);
  let there: string[];
  try {
    there = readdirSync(dirname(path)).filter((n) => !n.startsWith("."));
  } catch {
    return `The folder ${dirname(path)} does not exist.`;
  }
  const file = basename(path);
  if (there.includes(file)) {
    const read = /\.(?:wasm|bin|gguf|png|jpe?g|gz|zip|npy|safetensors)$/i.test(file) ? "" : ', "utf8"';
    return `${file} exists, but is not a module. Read it: import { readFileSync } from "node:fs"; readFileSync("${specifier}"${read})`;
  }
  const stem = (name: string): string => name.replace(/\.[^.]+$/, "").toLowerCase();
  const wanted = stem(basename(path));
  const near =
    there.find((n) => stem(n) === wanted) ?? there.find((n) => stem(n).startsWith(wanted) || wanted.startsWith(stem(n)));
  return near ? `Did you mean ${near}? It is in ${dirname(path)}.` : `There is no such file in ${dirname(path)}.`;
}
