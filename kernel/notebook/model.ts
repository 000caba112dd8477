/**
 * Makes widget classes from a list of their properties: each becomes a typed accessor, so that `slider.value = 0.3` changes the page and
 * `slider.value` reads its state.
 */
import type { Property } from "./property.js";
import { type ModelNames, type Spec, Widget } from "./widget.js";

/** Options of a constructor: any of the properties. Layout and style may be plain objects, or models that other widgets use too. */
export type Options<S> = { [K in keyof S]?: S[K] extends Widget<infer T> ? S[K] | Partial<T> : S[K] };

/** The class of widgets with the properties of S. */
export type WidgetClass<S extends object, W = Widget<S> & S> = new (options?: Options<S>) => W;

export const controlsModule = { module: "@jupyter-widgets/controls", version: "2.0.0" } as const;
export const baseModule = { module: "@jupyter-widgets/base", version: "2.0.0" } as const;

/** The names of a model and view of `@jupyter-widgets/controls`: `FloatSliderModel`, `FloatSliderView`. */
export const controlNames = (name: string): ModelNames => ({ ...controlsModule, model: `${name}Model`, view: `${name}View` });

/** Adds an accessor for each property of the state. */
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

/** Makes a widget class. @param complete fills in options that depend on others */
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

/** A property whose value is itself a model: layout, style. A plain object makes a new one. */
export function submodel<T extends object>(name: string, make: WidgetClass<T>): Property<Widget<T> & T> {
  return {
    // An empty object makes a new one for each widget.
    initial: {} as Widget<T> & T,
    expected: `an object of ${name} options`,
    take: (given) => {
      if (given instanceof make) return given as Widget<T> & T;
      if (given === null || typeof given !== "object" || Array.isArray(given) || given instanceof Widget) return undefined;
      return new make(given as Options<T>);
    },
  };
}
