/**
 * The display contract between lab and kernel (the lab imports nothing of the kernel): a value displays itself through
 * `[Symbol.for("Jupyter.display")]()`, and the engine installs the notebook's services under a global symbol.
 */
export type MimeBundle = Readonly<Record<string, unknown>>;
export const displaySymbol: unique symbol = Symbol.for("Jupyter.display") as never;
export interface Displayable {
  /** The value in the forms in which it can be displayed; an empty bundle displays nothing. */
  [displaySymbol](): MimeBundle | Promise<MimeBundle>;
}

/**
 * A value that changes while a slider is dragged: a form that is ready at once, and one that takes longer (a figure's static picture) for
 * when the slider rests. Values with the same `key` are redrawn in place.
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
   * Displays a bundle under an id, with which `update` can redraw it in place. `place: "cell"` displays it below the cell even where the
   * running code writes into an output widget.
   */
  display(bundle: MimeBundle, id: string, place?: "cell"): void;
  update(bundle: MimeBundle, id: string): void;
  /** The running cell's stop signal: the default `signal` of every long call. */
  signal(): AbortSignal;
  /** A key that changes with every execution of a cell, for what is sent once per cell. */
  cell(): string;
  /**
   * Adds work to the running cell, such as drawing a live figure's last state and its static picture. The engine calls it when the cell's code
   * has ended, also by an error or the stop button, and then sends the cell's reply. With no cell running, it is called at once.
   */
  atEnd(work: () => Promise<void>): void;
}
const notebookSymbol = Symbol.for("sparselab.notebook");
export function notebook(): Notebook | undefined {
  return (globalThis as { [notebookSymbol]?: Notebook })[notebookSymbol];
}
