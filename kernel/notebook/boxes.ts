/** Boxes lay widgets out in a row or a column. */
import type { Displayable } from "../../lab/display.js";
import { type Layout, type LayoutState, layout } from "./looks.js";
import { addProperties, controlNames } from "./model.js";
import { oneOf, type Property } from "./property.js";
import { type Spec, Widget } from "./widget.js";

/** A widget with any properties. */
export interface AnyWidget extends Displayable {
  readonly id: string;
  readonly closed: boolean;
  get(name: string): unknown;
  set(changes: object): void;
  observe(fn: (value: unknown, old: unknown) => unknown): () => void;
  close(): void;
}

/** The properties of a box. */
export interface BoxState {
  children: readonly AnyWidget[];
  boxStyle: "" | "success" | "info" | "warning" | "danger";
  layout: Layout;
}
const children: Property<readonly AnyWidget[]> = {
  initial: [],
  expected: "an array of widgets",
  take: (given) => (Array.isArray(given) && given.every((v) => v instanceof Widget) ? [...(given as AnyWidget[])] : undefined),
};
const spec = (name: string): Spec<BoxState> => ({
  name,
  names: controlNames(name),
  properties: { children, boxStyle: oneOf("", "", "success", "info", "warning", "danger"), layout },
});
type BoxOptions = { boxStyle?: BoxState["boxStyle"]; layout?: Layout | Partial<LayoutState> };

class Box extends Widget<BoxState> {
  declare children: readonly AnyWidget[];
  declare boxStyle: BoxState["boxStyle"];
  declare layout: Layout;
  constructor(name: string, children: readonly AnyWidget[], options: BoxOptions) {
    super(spec(name), { ...options, children });
  }
}
addProperties(Box.prototype, ["children", "boxStyle", "layout"]);

/**
 * A row of widgets. Closing the box does not close its widgets.
 * @defaultValue no widgets
 * @example
 * new HBox([new FloatSlider(), new Button({ description: "run" })])
 */
export class HBox extends Box {
  constructor(children: readonly AnyWidget[] = [], options: BoxOptions = {}) {
    super("HBox", children, options);
  }
}
/**
 * A column of widgets. Closing the box does not close its widgets.
 * @defaultValue no widgets
 * @example
 * new VBox([new FloatSlider(), new Output()])
 */
export class VBox extends Box {
  constructor(children: readonly AnyWidget[] = [], options: BoxOptions = {}) {
    super("VBox", children, options);
  }
}
