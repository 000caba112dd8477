/**
 * An output area on the page. What code prints and shows in `capture`, and in all that this code starts, goes there instead of below a cell.
 */
import type { MimeBundle } from "../../lab/display.js";
import { engine } from "../engine/shared.js";
import type { CellOutput, OutputSink } from "../engine/task.js";
import type { Failure } from "../messages.js";
import { type Layout, type LayoutState, layout } from "./looks.js";
import { addProperties } from "./model.js";
import type { Property } from "./property.js";
import { type Spec, Widget } from "./widget.js";

/** An output as in a notebook file. */
export type OutputItem =
  | { readonly output_type: "stream"; readonly name: "stdout" | "stderr"; readonly text: string }
  | { readonly output_type: "display_data"; readonly data: MimeBundle; readonly metadata: object }
  | ({ readonly output_type: "error" } & Failure);

interface OutputState {
  outputs: readonly OutputItem[];
  layout: Layout;
  msgId: string;
}
const outputs: Property<readonly OutputItem[]> = {
  initial: [],
  expected: "an array of outputs",
  take: (given) => (Array.isArray(given) ? (given as OutputItem[]) : undefined),
};
const spec: Spec<OutputState> = {
  name: "Output",
  names: { module: "@jupyter-widgets/output", version: "1.0.0", model: "OutputModel", view: "OutputView" },
  properties: {
    outputs,
    msgId: { initial: "", expected: "an empty string", take: (given) => (given === "" ? "" : undefined) },
    layout,
  },
};

/** Least milliseconds between two updates of the page, and how many more for each MB. */
const PACE = 40;
const PACE_PER_MB = 150;

/**
 * An area of the page for what code prints and shows.
 * @example
 * const area = new Output();
 * area.capture(() => console.log("in the area"));
 * area
 */
export class Output extends Widget<OutputState> {
  declare readonly layout: Layout;
  #items: OutputItem[] = [];
  /** Index of an item by display id. */
  readonly #ids = new Map<string, number>();
  /** Whether the next output replaces all others. */
  #clearNext = false;
  /** Whether the last print ended in a carriage return. */
  #returned = false;
  #timer: NodeJS.Timeout | undefined;
  #last = 0;
  #wait = 0;
  readonly #sink: OutputSink = (output) => this.#add(output);

  constructor(options: { layout?: Layout | Partial<LayoutState> } = {}) {
    super(spec, options);
  }

  /** The outputs in the area. */
  get outputs(): readonly OutputItem[] {
    return this.#items;
  }

  /** Runs `fn`; what it prints and shows, now and later, goes to this area. Returns what `fn` returns. */
  capture<T>(fn: () => T): T {
    const value = engine.divert(this.#sink, fn);
    if (value instanceof Promise) {
      const flush = (): void => this.#flush();
      value.then(flush, flush);
    } else this.#flush();
    return value;
  }

  /** Shows a value as a cell's result is shown; nothing where `signal` is aborted before the value is drawn. */
  show(value: unknown, signal?: AbortSignal): Promise<void> {
    return engine.markSilent(this.#show(value, signal));
  }

  async #show(value: unknown, signal?: AbortSignal): Promise<void> {
    const data = await engine.divert(this.#sink, () => engine.bundleOf(value));
    if (signal?.aborted || Object.keys(data).length === 0) return;
    this.#push({ output_type: "display_data", data, metadata: {} });
  }

  /** Shows an error. */
  fail(failure: Failure): void {
    this.#push({ output_type: "error", ...failure });
  }

  /** Clears the area: at once, or with `wait` when the next output comes. */
  clear(wait = false): void {
    this.#clearNext = wait;
    if (wait) return;
    this.#empty();
    this.#flush();
  }

  /** Removes outputs that `clear(true)` kept, if no output has replaced them; and updates the page. */
  settle(): void {
    if (this.#clearNext) this.clear();
    else this.#flush();
  }

  override close(): void {
    engine.clearTimeout(this.#timer);
    engine.forget(this.#sink);
    super.close();
  }

  #add(output: CellOutput): void {
    if (this.closed) return;
    if (output.event === "stream") this.#print(output.name, output.text);
    else if (output.type === "clear_output") this.clear(output.wait);
    else {
      const { data = {}, metadata = {}, displayId } = output;
      const item: OutputItem = { output_type: "display_data", data, metadata };
      const at = displayId === undefined ? undefined : this.#ids.get(displayId);
      if (output.type !== "update_display_data") this.#push(item, displayId);
      else if (at !== undefined) {
        this.#items = this.#items.with(at, item);
        this.#soon();
      }
    }
  }

  #print(name: "stdout" | "stderr", text: string): void {
    const last = this.#clearNext ? undefined : this.#items.at(-1);
    if (last?.output_type !== "stream" || last.name !== name)
      this.#push({ output_type: "stream", name, text: overwrite("", text) });
    else {
      // Without a carriage return the text is only appended to: V8 does not copy a long one at every print.
      const joined = this.#returned || text.includes("\r") ? overwrite(last.text, text) : last.text + text;
      this.#items = this.#items.with(-1, { ...last, text: joined });
      this.#soon();
    }
    this.#returned = text.endsWith("\r");
  }

  #empty(): void {
    this.#items = [];
    this.#ids.clear();
    engine.forget(this.#sink);
    this.#clearNext = false;
  }

  #push(item: OutputItem, displayId?: string): void {
    if (this.closed) return;
    if (this.#clearNext) this.#empty();
    if (displayId !== undefined) this.#ids.set(displayId, this.#items.length);
    this.#items = [...this.#items, item];
    this.#soon();
  }

  /** Schedules an update of the page. An update sends all outputs, so the larger they are the fewer updates are sent. */
  #soon(): void {
    this.#timer ??= engine.setTimeout(() => this.#flush(), Math.max(0, this.#last + this.#wait - performance.now()));
  }

  #flush(): void {
    engine.clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.closed) return;
    const begun = performance.now();
    this.set({ outputs: this.#items });
    this.#last = performance.now();
    this.#wait = PACE + (this.#last - begun) + (PACE_PER_MB * sizeOf(this.#items)) / 1e6;
  }
}
addProperties(Output.prototype, ["layout"]);

/** `before` followed by `text`, where a carriage return goes back to the beginning of the line, as on a terminal. */
export function overwrite(before: string, text: string): string {
  const start = before.lastIndexOf("\n") + 1;
  const lines = (before.slice(start) + text).replaceAll("\r\n", "\n").split("\n");
  const folded = lines.map((line, i) => {
    const pieces = line.split("\r");
    const written = pieces.reduce((under, over) => over + under.slice(over.length));
    // The last line keeps a carriage return at its end: the next text overwrites it.
    return i === lines.length - 1 && pieces.length > 1 && pieces.at(-1) === "" ? `${written}\r` : written;
  });
  return before.slice(0, start) + folded.join("\n");
}

/** About how many characters an update sends. */
function sizeOf(items: readonly OutputItem[]): number {
  let size = 0;
  for (const item of items) {
    if (item.output_type === "stream") size += item.text.length;
    else if (item.output_type === "display_data") {
      for (const value of Object.values(item.data)) size += typeof value === "string" ? value.length : 0;
    }
  }
  return size;
}
