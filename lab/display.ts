/**
 * The display contract between lab and kernel (the lab imports nothing of the kernel): a value draws itself through
 * `[Symbol.for("Jupyter.display")]()`, and the engine installs the notebook's services under a global symbol.
 */
export type MimeBundle = Readonly<Record<string, unknown>>;
export const displaySymbol: unique symbol = Symbol.for("Jupyter.display") as never;
export interface Displayable {
  /** The forms in which the value shows itself; an empty bundle shows nothing. */
  [displaySymbol](): MimeBundle | Promise<MimeBundle>;
}

/**
 * A value that changes while a slider is dragged: one form that is ready at once, and one that takes longer (a figure's static picture)
 * for when it has come to rest. Under one `key` a page redraws in place.
 */
export const draftSymbol: unique symbol = Symbol.for("sparselab.draft") as never;
export interface Draft {
  readonly now: MimeBundle;
  later(): Promise<MimeBundle>;
}
export interface Draftable {
  [draftSymbol](key: string): Draft;
}

/** What the engine installs; absent in a plain script. */
export interface Notebook {
  /**
   * Shows a bundle under an id that `update` can redraw in place. `place`: where the running code fills an area of its own on the page
   * (a widget's output), `cell` shows it under the cell all the same.
   */
  display(bundle: MimeBundle, id: string, place?: "cell"): void;
  update(bundle: MimeBundle, id: string): void;
  /** The running cell's stop signal: the default `signal` of every long call. */
  signal(): AbortSignal;
  /** A key that changes with every execution of a cell: what is sent once per cell that plots. */
  cell(): string;
  /**
   * Work that belongs to the running cell: a live figure's last state with its static picture. The engine calls it when the cell's
   * code has ended, also by an error or the stop button, and sends the cell's reply only after it; with no cell running, at once.
   */
  atEnd(work: () => Promise<void>): void;
}
const notebookSymbol = Symbol.for("sparselab.notebook");
export function notebook(): Notebook | undefined {
  return (globalThis as { [notebookSymbol]?: Notebook })[notebookSymbol];
}
