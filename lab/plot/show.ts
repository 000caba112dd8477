/**
 * `show(figure)`: a figure on the page at once, and in place while it changes. In a notebook the figure is an output that `update`
 * redraws; in a plain script it is an HTML file.
 */
import { randomUUID } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Displayable, displaySymbol, type MimeBundle, type Notebook, notebook } from "../display.js";
import { LabError } from "../errors.js";
import { refusePromise } from "../promised.js";
import { received } from "../received.js";
import { type FigureData, figureBundle, figurePage } from "./bundle.js";
import { sendLibrary } from "./figure.js";
import { drawPicture } from "./picture/picture.js";

/** A shown figure. As a cell's last value it shows nothing more. */
export interface Live extends Displayable {
  /** Redraws in place, at most four times a second; the last update is always drawn. */
  update(figure: FigureData): void;
}

/** Least time between two redraws, ms. */
const notebookPace = 250;
const filePace = 1000;

/**
 * In a notebook: displays the figure below the running cell. While the cell runs the figure is drawn by the page alone; its static
 * picture is added when the cell's code has ended. In a plain script: writes an HTML file into a new temporary folder and prints its
 * path; `update` writes the file again.
 * @example
 * const live = show(plot.pareto([], "kl"));
 * const onUpdate = (points: readonly Point<"sparsity" | "kl">[]) => live.update(plot.pareto(points, "kl"));
 * await sweep(model, { over: fatrelu(0, 1), on, measure: ["sparsity", "kl"], onUpdate });
 */
export function show(figure: FigureData): Live {
  checkFigure("show", figure);
  const book = notebook();
  return book ? showInNotebook(figure, book) : showInFile(figure);
}

function showInNotebook(first: FigureData, book: Notebook): Live {
  const key = `figure-${randomUUID()}`;
  let latest = first;
  let finishing = false;
  const pace = paced(notebookPace, () => book.update(figureBundle(latest, { key }), key));

  // When the cell's code has ended: the last state with its picture. A figure that was updated meanwhile is drawn again.
  const finish = async (): Promise<void> => {
    let drawn: FigureData | undefined;
    try {
      while (drawn !== latest) {
        drawn = latest;
        const picture = await drawPicture(drawn);
        // It changed meanwhile: its picture would be outdated.
        if (drawn !== latest) continue;
        pace.cancel();
        book.update(figureBundle(drawn, { key, picture }), key);
      }
    } finally {
      finishing = false;
    }
  };
  const finishLater = () => {
    if (finishing) return;
    finishing = true;
    book.atEnd(finish);
  };

  sendLibrary();
  book.display(figureBundle(first, { key }), key);
  finishLater();
  return live((figure) => {
    latest = figure;
    pace.soon();
    finishLater();
  });
}

function showInFile(first: FigureData): Live {
  const path = join(mkdtempSync(join(tmpdir(), "sparselab-")), "figure.html");
  let latest = first;
  const write = () => writeFileSync(path, figurePage(latest));
  const pace = paced(filePace, write);
  write();
  process.stdout.write(`figure: ${path}\n`);
  let atExit = false;
  return live((figure) => {
    latest = figure;
    pace.soon();
    // process.exit() ends the timers: the last update is written then.
    if (!atExit) process.once("exit", () => pace.flush());
    atExit = true;
  });
}

function live(update: (figure: FigureData) => void): Live {
  return {
    update(figure) {
      checkFigure("update", figure);
      update(figure);
    },
    [displaySymbol]: (): MimeBundle => ({}),
  };
}

/** Runs `work` at most once in `ms` milliseconds: at once where the last run is long enough ago, else later. The last call always runs. */
function paced(ms: number, work: () => void): { soon(): void; flush(): void; cancel(): void } {
  let last = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const run = () => {
    timer = undefined;
    last = performance.now();
    work();
  };
  const cancel = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  return {
    soon() {
      const wait = last + ms - performance.now();
      if (wait <= 0) {
        cancel();
        run();
        return;
      }
      // A new timer each time: it belongs to the latest caller, which can still print where an earlier one was stopped.
      clearTimeout(timer);
      timer = setTimeout(run, wait);
    },
    flush() {
      if (!timer) return;
      cancel();
      run();
    },
    cancel,
  };
}

function checkFigure(where: string, figure: FigureData): void {
  refusePromise(where, figure);
  if (Array.isArray(figure?.data) && typeof figure.layout === "object" && figure.layout !== null) {
    try {
      JSON.stringify([figure.data, figure.layout]);
      return;
    } catch (error) {
      throw new LabError("invalid-option", `${where} takes a figure of plain data: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
  throw new LabError(
    "invalid-option",
    `${where} takes a figure ({ data, layout }), such as plot.pareto(points, "kl") gives; received ${received(figure)}`,
  );
}
