/** Reads the comment above a declaration, in files that were parsed without comments (see `compiler.ts`). */
import ts = require("typescript");

export interface Documentation {
  readonly text: string;
  readonly tags: ts.JSDocTagInfo[];
}

/** @param at where the declaration starts in `text` */
export function documentationAbove(text: string, at: number): Documentation | undefined {
  const before = text
    .slice(0, at)
    .replace(/(?:\s|\b(?:declare|export|default|abstract|static|readonly|async|const|var|let)\b)+$/, "");
  if (!before.endsWith("*/")) return undefined;
  const comment = before.slice(before.lastIndexOf("/**"));
  const file = ts.createSourceFile("comment.ts", `${comment}\nlet x;`, ts.ScriptTarget.ES2022, true);
  const statement = file.statements[0];
  if (!statement || !comment.startsWith("/**")) return undefined;
  const docs = ts.getJSDocCommentsAndTags(statement).filter(ts.isJSDoc);
  return {
    text: docs.map((d) => ts.getTextOfJSDocComment(d.comment) ?? "").join("\n"),
    tags: docs.flatMap((d) => d.tags ?? []).map((t) => ({ name: t.tagName.text, text: [{ kind: "text", text: textOf(t) }] })),
  };
}

function textOf(tag: ts.JSDocTag): string {
  const text = ts.getTextOfJSDocComment(tag.comment) ?? "";
  return ts.isJSDocParameterTag(tag) ? `${tag.name.getText()} ${text}` : text;
}
