/**
 * Widget classes from a description of their properties: each property becomes one of the object, typed, so that `slider.value = 0.3` draws and
 * `slider.value` reads what the page holds.
 */
import type { Property } from "./property.js";
import { type ModelNames, type Spec, Widget } from "./widget.js";

/** Options of a constructor: any of the properties; layout and style as plain objects or as the models of another widget. */
export type Options<S> = { [K in keyof S]?: S[K] extends Widget<infer T> ? S[K] | Partial<T> : S[K] };

/** `new X({ ... })` gives a widget with the properties of S. */
export type WidgetClass<S extends object, W = Widget<S> & S> = new (options?: Options<S>) => W;

export const controls = { module: "@jupyter-widgets/controls", version: "2.0.0" } as const;
export const base = { module: "@jupyter-widgets/base", version: "2.0.0" } as const;

/** The names of a model and view of `@jupyter-widgets/controls`: `FloatSliderModel`, `FloatSliderView`. */
export const controlNames = (name: string): ModelNames => ({ ...controls, model: `${name}Model`, view: `${name}View` });

/** Gives `widget` the properties of its state. */
export function addProperties(prototype: object, names: readonly string[]): void {
  for (const name of names) {
    Object.defineProperty(prototype, name, {
      get(this: Widget<Record<string, unknown>>) {
        return this.get(name);
      },
      set(this: Widget<Record<string, unknown>>, value: unknown) {
        this.set({ [name]: value });
      },
      enumerable: false,
      configurable: true,
    });
  }
}

/**
 * @param complete fills in what follows from other options
 */
export function widgetClass<S extends object, W = Widget<S> & S>(
  spec: Spec<S>,
  complete: (options: Options<S>) => Options<S> = (options) => options,
): WidgetClass<S, W> {
  const made = class extends Widget<S> {
    constructor(options: Options<S> = {}) {
      super(spec, complete(options));
    }
  };
  Object.defineProperty(made, "name", { value: spec.name });
  addProperties(made.prototype, Object.keys(spec.properties));
  return made as unknown as WidgetClass<S, W>;
}

/** A property that holds a model of its own: layout, style. A plain object makes one. */
export function submodel<T extends object>(name: string, make: WidgetClass<T>): Property<Widget<T> & T> {
  return {
    // Each widget has its own: made from an empty object when it is not given.
    initial: {} as Widget<T> & T,
    expected: `an object of ${name} options`,
    take: (given) => {
      if (given instanceof make) return given as Widget<T> & T;
      if (given === null || typeof given !== "object" || Array.isArray(given) || given instanceof Widget) return undefined;
      return new make(given as Options<T>);
    },
  };
}
