/**
 * Any widget of anywidget: a JavaScript module that draws in the page (`export default { render({ model, el }) { … } }`) and shares state with
 * the kernel. The front end needs anywidget's extension, which comes with its Python package.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { LabError } from "../../lab/errors.js";
import { type Layout, type LayoutState, layout } from "./looks.js";
import type { Property } from "./property.js";
import { type Spec, Widget } from "./widget.js";

/** What `new AnyModel` takes. */
export interface AnyModelOptions<S extends object> {
  /**
   * The module: its source text, or a URL. A `file:` URL is read at once; any other is loaded by the page. The default export is an object
   * with `render({ model, el })` and optionally `initialize({ model })`.
   */
  esm: string | URL;
  /** A style sheet: its source text, or a `file:` URL. Default: none. */
  css?: string | URL;
  /**
   * The shared state: JSON and typed arrays, which are sent as bytes. In the page: `model.get("count")`, `model.set("count", 1)`,
   * `model.save_changes()`. Default: nothing.
   */
  state?: S;
  /** Place and size. Default: a new `Layout`. */
  layout?: Layout | Partial<LayoutState>;
}
interface Own {
  _esm: string;
  _css: string;
  _anywidget_id: string;
  layout: Layout;
}
/** The state's type, in which a typed array may be replaced by one over any kind of buffer. */
type State<S> = {
  [K in keyof S]: S[K] extends Numbers
    ? Extract<Numbers, { readonly [Symbol.toStringTag]: S[K][typeof Symbol.toStringTag] }>
    : S[K];
};
type Numbers =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint8ClampedArray
  | Uint16Array
  | Uint32Array;

/**
 * A widget that is drawn by your own JavaScript module.
 * @defaultValue `css`: none; `state`: none
 * @example
 * const counter = new AnyModel({ esm: "export default { render({ model, el }) { el.textContent = model.get('count') } }", state: {
 * count: 0 } });
 * counter.observe("count", (n) => console.log(n));
 */
export class AnyModel<S extends object = Record<never, never>> extends Widget<State<S> & Own> {
  constructor({ esm, css = "", state = {} as S, layout, ...unknown }: AnyModelOptions<S>) {
    super(specOf(state, unknown), { ...state, _esm: moduleText(esm), _css: moduleText(css), ...(layout ? { layout } : {}) });
  }
  /** Place and size. */
  get layout(): Layout {
    return (this as unknown as Widget<Own>).get("layout");
  }
}

const anything = (name: string, initial: unknown): Property<unknown> => ({
  initial,
  expected: "a JSON value or a typed array",
  take: (given) => (given === undefined || typeof given === "function" || typeof given === "symbol" ? undefined : given),
  wire: name,
});

function specOf<S extends object>(state: object, unknown: object): Spec<S> {
  for (const name of Object.keys(unknown)) {
    throw new LabError(
      "invalid-option",
      `unknown option "${name}" of AnyModel. Known: esm, css, state, layout. Put values that the page's module shares into state: { ${name}: … }`,
    );
  }
  for (const name of Object.keys(state)) {
    if (name === "layout" || name.startsWith("_"))
      throw new LabError("invalid-option", `AnyModel: state.${name} is a name of the widget protocol; choose another`);
  }
  const own = ["_esm", "_css"].map((name) => [name, anything(name, "")]);
  const id = ["_anywidget_id", anything("_anywidget_id", "sparselab.AnyModel")];
  const properties = Object.fromEntries([...Object.entries(state).map(([name, v]) => [name, anything(name, v)]), ...own, id]);
  return {
    name: "AnyModel",
    names: { module: "anywidget", version: "~0.11.0", model: "AnyModel", view: "AnyView" },
    properties: { ...properties, layout },
  } as unknown as Spec<S>;
}

function moduleText(source: string | URL): string {
  if (typeof source === "string") return source;
  return source.protocol === "file:" ? readFileSync(fileURLToPath(source), "utf8") : source.href;
}
