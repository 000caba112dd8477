/** A figure: plotly's data and layout, as plain values. It displays itself as a cell's value, and is saved as a page, a picture or data. */
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

/** A figure: plotly's data and layout. It displays itself as a cell's last value; `show` displays it at once. */
export interface Figure extends Displayable {
  readonly data: readonly object[];
  readonly layout: object;
  /**
   * Writes the figure, in the format of the name's ending: .html (a page that needs nothing else), .svg, .png (two device pixels for one CSS
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

  /** As a cell's last value: with its picture; the library comes in a separate output. */
  async [displaySymbol](): Promise<MimeBundle> {
    const picture = await drawPicture(this);
    return figureBundle(this, { picture, embed: !sendLibrary() });
  }

  /** While a slider moves, the page draws the figure in place; the picture follows when the slider rests. */
  [draftSymbol](key: string): Draft {
    const embed = !sendLibrary();
    return {
      now: figureBundle(this, { key, embed }),
      later: async () => figureBundle(this, { key, embed, picture: await drawPicture(this) }),
    };
  }
}

/** Cells that have the library; several where a widget of an earlier cell plots. */
const served = new Set<string>();
/** Sends the library, once for each cell; false outside a notebook. */
export function sendLibrary(): boolean {
  const book = notebook();
  if (!book) return false;
  const cell = book.cell();
  if (!served.has(cell)) {
    served.add(cell);
    // Below the cell: an output widget is cleared and refilled, and a saved notebook would lose the library with it.
    book.display(libraryBundle(), `sparselab-plotly-${cell}`, "cell");
  }
  return true;
}
