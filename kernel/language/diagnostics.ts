/** Turns TypeScript's diagnostics into a cell's error, with positions and lines of the cell. */
import ts = require("typescript");

import type { Failure } from "../messages.js";
import { codeFrame, paint } from "../text.js";

const SHOWN = 10;

/** @param start where the cell's text starts in the file of the diagnostics */
export function diagnosticsFailure(diagnostics: readonly ts.Diagnostic[], code: string, label: string, start: number): Failure {
  const lineStarts = lineOffsets(code);
  const traceback: string[] = [];
  const texts = diagnostics.map((d) => readable(ts.flattenDiagnosticMessageText(d.messageText, "\n")));
  diagnostics.slice(0, SHOWN).forEach((d, i) => {
    const at = (d.start ?? 0) - start;
    const number = d.code ? ` ${paint("gray", `TS${d.code}`)}` : "";
    if (at < 0) {
      traceback.push(`${paint("red", "error")}${number} in a name from an earlier cell: ${texts[i]}`);
      return;
    }
    const { line, column } = position(lineStarts, Math.min(at, code.length));
    traceback.push(`${label}:${line}:${column} - ${paint("red", "error")}${number}: ${texts[i]}`);
    traceback.push(codeFrame(code, line, column, d.length ?? 1));
  });
  if (diagnostics.length > SHOWN) traceback.push(`and ${diagnostics.length - SHOWN} more`);
  const more = diagnostics.length > 1 ? ` (and ${diagnostics.length - 1} more)` : "";
  // Syntax errors have the codes 1000 to 1339.
  const syntax = diagnostics.every((d) => d.code >= 1000 && d.code < 1340);
  return { ename: syntax ? "SyntaxError" : "TypeScriptError", evalue: texts[0] + more, traceback };
}

/** The message without the compiler's names for cells, and without "import" where the user sees a constant. */
function readable(message: string): string {
  return (
    message
      .replace(/(?:import\("[^"]*__cell_\w+"\)|\b__cell_\d+)\./g, "")
      .replace(/"[^"]*__cell_\w+"/g, "an earlier cell")
      // TypeScript names the module of `import * as lab` by its file.
      .replace(/typeof import\("[^"]*\/dist\/lab\/index"\)/g, "sparselab")
      .replace(/typeof import\("[^"]*\/dist\/kernel\/notebook\/index"\)/g, "sparselab/notebook")
      .replace(/( on type ')([^'\n]{120,})'/, (_, head, type) => `${head}${type.slice(0, 100)}…'`)
      .replace(/^(Cannot assign to '[^']+' because it is) an import\.$/, "$1 a constant, a function, a class or an import.")
  );
}

function lineOffsets(text: string): number[] {
  const starts = [0];
  for (let i = text.indexOf("\n"); i >= 0; i = text.indexOf("\n", i + 1)) starts.push(i + 1);
  return starts;
}

function position(lineStarts: readonly number[], at: number): { line: number; column: number } {
  let line = 0;
  while (line + 1 < lineStarts.length && lineStarts[line + 1]! <= at) line++;
  return { line: line + 1, column: at - lineStarts[line]! + 1 };
}
