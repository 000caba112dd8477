/** Completion, help on a name, and whether a cell is complete, by the TypeScript program that checks the cells. */
import ts = require("typescript");

import { asksForHelp } from "../help.js";
import type { CompleteReply, InspectReply, IsCompleteReply } from "../messages.js";
import type { Cells } from "./cells.js";
import { isParsedBare } from "./compiler.js";
import { documentationAbove } from "./documentation.js";
import { cellForm, errorsOf } from "./forms.js";
import { parseCell } from "./names.js";
import { codePointOffset, utf16Offset } from "./offsets.js";
import { pathMatches } from "./paths.js";
import { comparedTexts, literalAt, patternMatches } from "./patterns.js";

/** Most matches returned. */
const MATCHES = 500;

export function complete(cells: Cells, code: string, cursor: number): CompleteReply {
  const at = utf16Offset(code, cursor);
  const word = code.slice(0, at).match(/[\p{ID_Continue}$\u200c\u200d]*$/u)![0];
  // After a dot only members match, so the draft needs no earlier names; elsewhere it needs those with this prefix.
  const member = /\.\s*$/.test(code.slice(0, at - word.length));
  const begun = word.toLowerCase();
  const start = cells.draft(code, member ? undefined : (name) => name.toLowerCase().startsWith(begun));
  // TypeScript's own matches.
  const found = cells.compiler.service.getCompletionsAtPosition(cells.compiler.draft, start + at, {
    includeCompletionsWithInsertText: false,
    includeCompletionsForModuleExports: false,
    includeSymbol: true,
  });
  const span = found?.optionalReplacementSpan;
  let from = at - word.length;
  let to = at;
  let entries = found?.entries ?? [];
  const own = entries.find((e) => e.replacementSpan)?.replacementSpan ?? span;
  if (own && own.start >= start && own.start <= start + at) {
    from = own.start - start;
    to = Math.max(at, Math.min(code.length, own.start + own.length - start));
  }

  // Inside a string: values that it is compared with, paths, patterns.
  const program = cells.compiler.program();
  const checker = program.getTypeChecker();
  const draft = program.getSourceFile(cells.compiler.draft)!;
  const inString = literalAt(draft, start + at);
  if (inString) {
    const texts = comparedTexts(checker, inString);
    if (texts.length && !entries.some((e) => e.kind === ts.ScriptElementKind.string)) {
      from = inString.getStart(draft) + 1 - start;
      entries = texts.map((name) => ({ name, kind: ts.ScriptElementKind.string, sortText: "11" }));
    }
    const paths = pathMatches(inString, draft, start + at, cells.compiler.cwd);
    if (paths && !entries.some((e) => e.kind === ts.ScriptElementKind.string)) {
      from = paths.start - start;
      to = Math.max(at, paths.end - start);
      entries = paths.matches.map((name, i) => ({
        name,
        kind: name.endsWith("/") ? ts.ScriptElementKind.directory : ts.ScriptElementKind.string,
        sortText: `11${String(i).padStart(6, "0")}`,
      }));
    }
  }
  const pattern = patternMatches(program, draft, start + at);
  if (pattern?.matches.length) {
    from = pattern.start - start;
    to = pattern.end - start;
    entries = [...entries, ...pattern.matches.map((name) => ({ name, kind: ts.ScriptElementKind.string, sortText: "11" }))];
  }

  // Filter and sort.
  const prefix = code.slice(from, at).toLowerCase();
  entries = entries
    .filter((e) => e.name.toLowerCase().startsWith(prefix) && !e.name.startsWith("__cell_") && e.name !== "__sparselab__")
    .sort((a, b) => (a.sortText < b.sortText ? -1 : a.sortText > b.sortText ? 1 : a.name < b.name ? -1 : 1))
    .slice(0, MATCHES);
  const begin = codePointOffset(code, from);
  const end = codePointOffset(code, to);
  return {
    status: "ok",
    matches: entries.map((e) => e.name),
    cursor_start: begin,
    cursor_end: end,
    metadata: {
      _jupyter_types_experimental: entries.map((e) => ({ start: begin, end, text: e.name, type: kindName(e, checker) })),
    },
  };
}

/** The kind of a match in JupyterLab's words, which choose its icon. */
function kindName({ kind, symbol }: ts.CompletionEntry, checker: ts.TypeChecker): string {
  // A name of an earlier cell is an alias in the draft.
  const target = symbol && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol).flags : 0;
  if (target & ts.SymbolFlags.Function) return "function";
  if (target & ts.SymbolFlags.Class) return "class";
  if (target & ts.SymbolFlags.Enum) return "enum";
  if (target & ts.SymbolFlags.Variable) return "instance";
  if (target & ts.SymbolFlags.Module) return "module";
  if (target & ts.SymbolFlags.Type) return "interface";
  switch (kind) {
    case ts.ScriptElementKind.functionElement:
    case ts.ScriptElementKind.localFunctionElement:
    case ts.ScriptElementKind.memberFunctionElement:
      return "function";
    case ts.ScriptElementKind.classElement:
    case ts.ScriptElementKind.localClassElement:
      return "class";
    case ts.ScriptElementKind.moduleElement:
    case ts.ScriptElementKind.externalModuleName:
    case ts.ScriptElementKind.directory:
    case ts.ScriptElementKind.scriptElement:
      return "module";
    case ts.ScriptElementKind.keyword:
      return "keyword";
    case ts.ScriptElementKind.memberVariableElement:
    case ts.ScriptElementKind.memberGetAccessorElement:
    case ts.ScriptElementKind.memberSetAccessorElement:
      return "property";
    case ts.ScriptElementKind.interfaceElement:
    case ts.ScriptElementKind.typeElement:
      return "interface";
    default:
      return kind.includes("var") || kind === "const" || kind === "let" || kind === "alias" ? "instance" : kind;
  }
}

export function inspect(cells: Cells, code: string, cursor: number, detail: number): InspectReply {
  const at = utf16Offset(code, cursor);
  const start = cells.draft(code);
  const { service, draft } = cells.compiler;

  // The name at the cursor, or just before it; as a value, or else as a type.
  let named = start + at;
  let info = service.getQuickInfoAtPosition(draft, named);
  if (!info && at > 0) info = service.getQuickInfoAtPosition(draft, --named);
  const type = isUnknown(info) ? typeAt(cells, code, at) : undefined;
  if (type) {
    named = type.at;
    info = type.info;
  }

  // The comment at its declaration. Where a type was found, the draft is another one, and no variable of an earlier cell is a type.
  const declared = type ? undefined : declaredEarlier(cells, named, start);
  let signature = info && ts.displayPartsToString(info.displayParts);
  if (signature === "any") signature = undefined; // TypeScript does not know the name.
  const commented = declared === undefined ? info : service.getQuickInfoAtPosition(draft, declared);
  let text = ts.displayPartsToString([...(commented?.documentation ?? [])]);
  let tags = commented?.tags;

  // Inside the parentheses of a call: the function being called.
  if (!info) {
    const help = service.getSignatureHelpItems(draft, start + at, undefined);
    const item = help?.items[help.selectedItemIndex];
    if (item) {
      const join = (parts: readonly ts.SymbolDisplayPart[]): string => ts.displayPartsToString([...parts]);
      const parameters = item.parameters.map((p) => join(p.displayParts)).join(join(item.separatorDisplayParts));
      signature = join(item.prefixDisplayParts) + parameters + join(item.suffixDisplayParts);
      text = ts.displayPartsToString(item.documentation);
      tags = item.tags;
      named = help.applicableSpan.start - 2; // The last letter of the name before the parenthesis.
    }
  }
  if (!signature) return { status: "ok", found: false, data: {}, metadata: {} };

  // Names of the compiler's files are left out.
  signature = signature.replace(/^\(alias\) /, "").replace(/\nimport \S+(?: = \S+)?$/, "");
  signature = signature.replace(/(?:import\("[^"]*__cell_\w+"\)|\b__cell_\d+)\./g, "");

  // A file that was parsed without comments: read the one above the declaration.
  if (!text && !tags?.length) {
    for (const { fileName, contextSpan, textSpan } of service.getDefinitionAtPosition(draft, named) ??
      service.getDefinitionAtPosition(draft, named - 1) ??
      []) {
      const file = isParsedBare(fileName) ? cells.compiler.program().getSourceFile(fileName) : undefined;
      const above = file && documentationAbove(file.text, (contextSpan ?? textSpan).start);
      if (!above) continue;
      ({ text, tags } = above);
      break;
    }
  }

  // Put it together.
  const tagLines = (tags ?? []).map((t) =>
    [`@${t.name}`, ts.displayPartsToString([...(t.text ?? [])])].filter(Boolean).join(" "),
  );
  // An interface's signature is only its name.
  const isShape = info?.kind === ts.ScriptElementKind.interfaceElement || /^interface\b/.test(signature);
  const extra = detail > 0 || isShape ? definitionText(cells, declared ?? named) : undefined;
  const plain = [signature, text, tagLines.join("\n"), extra].filter(Boolean).join("\n\n");
  const markdown = [
    `\`\`\`typescript\n${signature}\n\`\`\``,
    text.replace(/\{@link(?:code|plain)? ([^}|\s]+)[^}]*\}/g, "`$1`"),
    tagLines.map((l) => l.replace(/^(@\w+)/, "*$1*")).join("  \n"),
    extra && `\`\`\`typescript\n${extra}\n\`\`\``,
  ]
    .filter(Boolean)
    .join("\n\n");
  return { status: "ok", found: true, data: { "text/plain": plain, "text/markdown": markdown }, metadata: {} };
}

/**
 * For a variable of an earlier cell: the draft's first line declares it as `typeof __cell_3.x`. Returns the position of that `x`, which
 * leads to the cell's own declaration and its comment.
 */
function declaredEarlier(cells: Cells, at: number, start: number): number | undefined {
  const { service, draft } = cells.compiler;
  const [definition] = service.getDefinitionAtPosition(draft, at) ?? [];
  if (!definition || definition.fileName !== draft || definition.textSpan.start >= start) return undefined;
  const text = cells.compiler.program().getSourceFile(draft)!.text;
  const { start: from, length } = definition.textSpan;
  const typed = /^: typeof \w+\./.exec(text.slice(from + length, start));
  return typed ? from + length + typed[0].length : undefined;
}

const isUnknown = (info: ts.QuickInfo | undefined): boolean =>
  !info?.displayParts?.length || /^any$|= \/\*unresolved\*\/ any$/.test(ts.displayPartsToString(info.displayParts));

/** What the name at the cursor means as a type. (A cell that is only a name is parsed as a value.) */
function typeAt(cells: Cells, code: string, cursor: number): { info: ts.QuickInfo; at: number } | undefined {
  const NAME = /[\p{ID_Start}$_][\p{ID_Continue}$]*(?:\.[\p{ID_Start}$_][\p{ID_Continue}$]*)*/gu;
  for (const match of code.matchAll(NAME)) {
    if (match.index > cursor || match.index + match[0].length < cursor) continue;
    // The name up to the end of the part with the cursor.
    const rest = /^[\p{ID_Continue}$]*/u.exec(code.slice(cursor))![0].length;
    const name = code.slice(match.index, cursor + rest);
    const line = `type __cell_help = ${name}`;
    const at = cells.draft(line) + line.length - 1;
    const info = cells.compiler.service.getQuickInfoAtPosition(cells.compiler.draft, at);
    if (info && !isUnknown(info)) return { info, at };
    cells.draft(code);
  }
  return undefined;
}

/** The source of the declaration, at most thirty lines. */
function definitionText(cells: Cells, at: number): string | undefined {
  const { service, draft } = cells.compiler;
  const definition = service.getDefinitionAtPosition(draft, at)?.[0];
  const file = definition && cells.compiler.program().getSourceFile(definition.fileName);
  const span = definition?.contextSpan ?? definition?.textSpan;
  if (!file || !span) return undefined;
  return file.text
    .slice(span.start, span.start + span.length)
    .split("\n")
    .slice(0, 30)
    .join("\n");
}

/** Error codes: unterminated string literal, unterminated regular expression. */
const ENDS_WITH_LINE = new Set([1002, 1161]);

/** Whether a console should run the cell at Enter, or open another line. */
export function isComplete(code: string): IsCompleteReply {
  // Help, and magics and shell lines, which are refused with a hint.
  if (asksForHelp(code) || /^\s*(?:%|!\s*\w)[^\n]*$/.test(code)) return { status: "complete" };
  const { prefix, text } = cellForm(code);
  const errors = errorsOf(parseCell(prefix + text));
  if (!errors.length) return { status: "complete" };
  // A string or regular expression can't continue on the next line, except after a backslash.
  if (errors.some((e) => ENDS_WITH_LINE.has(e.code)) && !/(?:^|[^\\])(?:\\\\)*\\$/.test(code)) return { status: "invalid" };
  const end = code.trimEnd().length;
  // An unterminated template or comment starts before the end and reaches it.
  const open = errors.some((e) => e.code === 1160 || e.code === 1010);
  // `{ a: 1,` is parsed as a block, but may begin an object.
  const asObject = /^\s*\{/.test(code) ? errorsOf(parseCell(`(${code}`)) : [];
  const unfinished = errors[0]!.start >= end || (asObject[0]?.start ?? 0) > end;
  if (open || unfinished) return { status: "incomplete", indent: nextIndent(code) };
  return { status: "invalid" };
}

function nextIndent(code: string): string {
  const last = code.trimEnd().split("\n").at(-1)!;
  const indent = last.match(/^\s*/)![0];
  return /[{[(]\s*$/.test(last) ? `${indent}  ` : indent;
}
