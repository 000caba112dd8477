/** A notebook's file as the tests read it: cells, their outputs, and the figures among them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { copyCommitted } from "../../scripts/lib/committed.mjs";

export const root = join(import.meta.dirname, "..", "..");
/** A copy of the notebooks folder as it is committed: a user may have saved notebooks, or added files. */
export const folder = copyCommitted("notebooks", join(root, "test", "output", "committed"));

type Text = string | readonly string[];
export interface Output {
  readonly output_type: "stream" | "display_data" | "execute_result" | "error";
  readonly name?: string;
  readonly text?: Text;
  readonly ename?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}
export interface Cell {
  readonly id: string;
  readonly cell_type: "code" | "markdown" | "raw";
  readonly source: Text;
  readonly execution_count?: number | null;
  readonly metadata: object;
  readonly outputs?: readonly Output[];
}
export interface Notebook {
  readonly cells: readonly Cell[];
  readonly metadata: {
    readonly kernelspec: { readonly name: string; readonly language: string };
    readonly language_info: object;
  };
}

/** Their names, sorted. */
export const notebooks = readdirSync(folder)
  .filter((name) => name.endsWith(".ipynb"))
  .sort();
export const read = (path: string) => JSON.parse(readFileSync(path, "utf8")) as Notebook;
export const text = (value: Text = "") => (typeof value === "string" ? value : value.join(""));
export const codeCells = ({ cells }: Notebook) => cells.filter((cell) => cell.cell_type === "code");
export const outputs = (notebook: Notebook) => codeCells(notebook).flatMap((cell) => cell.outputs ?? []);

/** Every output that plotly draws. */
export const figures = (notebook: Notebook) =>
  outputs(notebook).filter(({ data }) => data?.["application/vnd.plotly.v1+json"] !== undefined);

/** The missing forms of a figure, without which some front end cannot show it. */
export function figureFaults({ data = {} }: Output): string[] {
  const html = text(data["text/html"] as Text);
  const plotly = data["application/vnd.plotly.v1+json"] as { data?: object[]; layout?: object } | undefined;
  return [
    ...(Array.isArray(plotly?.data) && plotly.layout ? [] : ["no plotly data and layout"]),
    ...(/<div id="figure-[^>]*><img [^>]*src="data:image\/svg\+xml;base64,[A-Za-z0-9+/]{500}/.test(html)
      ? []
      : ["no picture in its html"]),
    ...(html.includes("<script>") ? [] : ["no script in its html"]),
    ...(text(data["image/png"] as Text).startsWith("iVBORw0KGgo") ? [] : ["no PNG"]),
    ...(text(data["text/plain"] as Text) ? [] : ["no text"]),
  ];
}

/** Paths of a machine in a text, packed pictures and libraries aside. */
export function machinePaths(value: string): string[] {
  const plain = value.replace(/[A-Za-z0-9+/=]{400,}/g, "");
  return plain.match(/(?:file:\/\/|[A-Z]:\\\\|\/(?:home|root|tmp|work|Users|private|usr|opt|var|mnt|srv)\/)[^\s"'\\]*/g) ?? [];
}
