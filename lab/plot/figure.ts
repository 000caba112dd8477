/**
 * A figure: plotly's data and layout, as plain values. It draws itself where a notebook shows a value, and saves itself as a page, a
 * picture or data.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, extname } from "node:path";
import {
  type Displayable,
  type Draft,
  type Draftable,
  displaySymbol,
  draftSymbol,
  type MimeBundle,
  notebook,
} from "../display.js";
import { unknownName } from "../errors.js";
import { figureBundle, figurePage, libraryBundle } from "./bundle.js";
import { drawPicture } from "./picture/picture.js";

/** A figure: plotly's data and layout. It draws itself as a cell's last value; `show` draws it at once. */
export interface Figure extends Displayable {
  readonly data: readonly object[];
  readonly layout: object;
  /**
   * Writes the figure; the name's ending says how: .html (a page that needs nothing else), .svg, .png (two device pixels for one CSS
   * pixel), .json (plotly's data and layout). A relative path is relative to the working directory: in a notebook, the notebook's folder.
   * An existing file is replaced, a missing folder is made.
   */
  save(path: string): Promise<void>;
}

export function figure(data: readonly object[], layout: object): Figure {
  return new PlotlyFigure(data, layout);
}

class PlotlyFigure implements Figure, Draftable {
  constructor(
    readonly data: readonly object[],
    readonly layout: object,
  ) {}

  async save(path: string): Promise<void> {
    const content = await this.#content(extname(path));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }

  async #content(ending: string): Promise<string | Uint8Array> {
    switch (ending) {
      case ".html":
        return figurePage(this);
      case ".json":
        return `${JSON.stringify({ data: this.data, layout: this.layout })}\n`;
      case ".svg":
        return (await drawPicture(this)).svg;
      case ".png":
        return (await drawPicture(this)).png;
      default:
        throw unknownName("invalid-option", "ending of a figure's file", ending, [".html", ".svg", ".png", ".json"]);
    }
  }

  /** A cell's last value: its picture is there at once, the library comes in an output of its own. */
  async [displaySymbol](): Promise<MimeBundle> {
    const picture = await drawPicture(this);
    return figureBundle(this, { picture, embed: !sendLibrary() });
  }

  /** While a slider moves: drawn by the page alone, in place; the picture follows when it rests. */
  [draftSymbol](key: string): Draft {
    const embed = !sendLibrary();
    return {
      now: figureBundle(this, { key, embed }),
      later: async () => figureBundle(this, { key, embed, picture: await drawPicture(this) }),
    };
  }
}

/** Cells that have it; more than one where a widget of an earlier cell plots. */
const served = new Set<string>();
/** Sends the library unless the running cell has done so; false where there is no notebook that could take it. */
export function sendLibrary(): boolean {
  const book = notebook();
  if (!book) return false;
  const cell = book.cell();
  if (!served.has(cell)) {
    served.add(cell);
    // Under the cell: an area is emptied and filled anew, and with it the library would be gone from a saved notebook.
    book.display(libraryBundle(), `sparselab-plotly-${cell}`, "cell");
  }
  return true;
}
