/** The controls: sliders, check box, button, text, player, HTML. Properties have ipywidgets' names in camel case. */
import {
  type BackgroundStyleState,
  type ButtonStyleState,
  type DescriptionStyleState,
  type Layout,
  layout,
  type SliderStyleState,
  type Style,
  styles,
  type TextStyleState,
} from "./looks.js";
import { controlNames, type WidgetClass, widgetClass } from "./model.js";
import { flag, integer, maybeText, number, oneOf, text } from "./property.js";
import type { Widget } from "./widget.js";

/** The properties of every control. */
export interface ControlState {
  /** A label before the control. */
  description: string;
  /** Whether it can't be used on the page. Default false. */
  disabled: boolean;
  /** Shown while the mouse is over it. */
  tooltip: string | null;
  layout: Layout;
}
export const controlProperties = { description: text(), disabled: flag(false), tooltip: maybeText(), layout };

interface Range {
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
}
/** The fault of a range; undefined for a good one. */
function rangeError({ value, min, max, step }: Range): string | undefined {
  if (min > max) return `min is ${min} and max is ${max}: min must not be above max`;
  if (value < min || value > max)
    return `value is ${value}, outside of ${min} to ${max}. To move the limits too, set them together: set({ value, min, max })`;
  return step > 0 ? undefined : `step must be above 0, received ${step}`;
}

/** The properties of both sliders. */
export interface SliderState extends ControlState {
  /** The position of the handle, from `min` to `max`. */
  value: number;
  /** Default 0. */
  min: number;
  max: number;
  step: number;
  orientation: "horizontal" | "vertical";
  /** Whether the value is shown beside the slider. Default true. */
  readout: boolean;
  /** The value's format, by d3-format: `.3f`. Default: as many decimals as the step has. */
  readoutFormat: string;
  /** Whether the value changes while the handle is dragged, not only when it is released. Default true. */
  continuousUpdate: boolean;
  style: Style<SliderStyleState>;
}
const sliderProperties = {
  orientation: oneOf("horizontal", "horizontal", "vertical"),
  readout: flag(true),
  continuousUpdate: flag(true),
  ...controlProperties,
  style: styles.slider,
};

/** Decimals that a step needs: 0.001 -> 3. */
export function decimalsOf(step: number): number {
  for (let n = 0; n < 12; n++) if (Math.abs(step * 10 ** n - Math.round(step * 10 ** n)) < 1e-9 * 10 ** n) return n;
  return 12;
}

export interface FloatSlider extends Widget<SliderState>, SliderState {}
/**
 * A slider for a number.
 * @defaultValue from 0 to 10 in steps of 0.1; `value`: 0, or the limit nearest to 0
 * @example
 * const t = new FloatSlider({ min: 0, max: 3, step: 0.25, description: "t" });
 * t.observe((value) => console.log(value));
 */
export const FloatSlider: WidgetClass<SliderState, FloatSlider> = widgetClass<SliderState, FloatSlider>(
  {
    name: "FloatSlider",
    names: controlNames("FloatSlider"),
    properties: {
      value: number(0),
      min: number(0),
      max: number(10),
      step: number(0.1),
      readoutFormat: text(".1f"),
      ...sliderProperties,
    },
    check: rangeError,
  },
  (options) => ({
    ...options,
    ...startOf(options),
    readoutFormat: options.readoutFormat ?? `.${decimalsOf(options.step ?? 0.1)}f`,
  }),
);

export interface IntSlider extends Widget<SliderState>, SliderState {}
/**
 * A slider for a whole number.
 * @defaultValue from 0 to 100 in steps of 1; `value`: 0, or the limit nearest to 0
 * @example
 * const layer = new IntSlider({ max: 5, description: "layer" });
 */
export const IntSlider: WidgetClass<SliderState, IntSlider> = widgetClass<SliderState, IntSlider>(
  {
    name: "IntSlider",
    names: controlNames("IntSlider"),
    properties: {
      value: integer(0),
      min: integer(0),
      max: integer(100),
      step: integer(1),
      readoutFormat: text("d"),
      ...sliderProperties,
    },
    check: rangeError,
  },
  (options) => ({ ...options, ...startOf(options) }),
);

/** The given value; by default 0, or the limit nearest to 0. */
function startOf({ value, min = 0, max }: { value?: number; min?: number; max?: number }): { value: number } {
  return { value: value ?? Math.max(min, Math.min(0, max ?? 0)) };
}

/** The properties of a check box. */
export interface CheckboxState extends ControlState {
  value: boolean;
  /** Whether it is aligned with the inputs of other controls. Default true. */
  indent: boolean;
  style: Style<BackgroundStyleState>;
}
export interface Checkbox extends Widget<CheckboxState>, CheckboxState {}
/**
 * A check box: true or false.
 * @defaultValue `value`: false; `indent`: true
 * @example
 * const exact = new Checkbox({ value: true, description: "exact" });
 */
export const Checkbox: WidgetClass<CheckboxState, Checkbox> = widgetClass({
  name: "Checkbox",
  names: controlNames("Checkbox"),
  properties: { value: flag(false), indent: flag(true), ...controlProperties, style: styles.checkbox },
});

/** The properties of a line of text. */
export interface TextState extends ControlState {
  value: string;
  /** Shown while the field is empty. */
  placeholder: string;
  /** Whether the value changes with every key, not only at Enter or on leaving the field. Default true. */
  continuousUpdate: boolean;
  style: Style<TextStyleState>;
}
export interface Text extends Widget<TextState>, TextState {}
/**
 * A line of text.
 * @defaultValue `value`: empty; `continuousUpdate`: true
 * @example
 * const prompt = new Text({ value: "The rope", description: "prompt" });
 */
export const Text: WidgetClass<TextState, Text> = widgetClass({
  name: "Text",
  names: controlNames("Text"),
  properties: {
    value: text(),
    placeholder: text("\u200b"),
    continuousUpdate: flag(true),
    ...controlProperties,
    style: styles.text,
  },
});

/** The properties of an HTML widget. */
export interface HTMLState extends Omit<ControlState, "disabled"> {
  /** The HTML. JupyterLab removes scripts from it. */
  value: string;
  placeholder: string;
  style: Style<TextStyleState>;
}
export interface HTML extends Widget<HTMLState>, HTMLState {}
/**
 * HTML that can be replaced at any time.
 * @defaultValue `value`: empty
 * @example
 * const note = new HTML({ value: "<b>ready</b>" });
 */
export const HTML: WidgetClass<HTMLState, HTML> = widgetClass({
  name: "HTML",
  names: controlNames("HTML"),
  properties: {
    value: text(),
    placeholder: text("\u200b"),
    description: text(),
    tooltip: maybeText(),
    layout,
    style: styles.html,
  },
});

/** The properties of a player. */
export interface PlayState extends ControlState {
  /** The count. It goes up while playing. */
  value: number;
  /** Default 0. */
  min: number;
  /** Default 100. */
  max: number;
  /** Default 1. */
  step: number;
  /** Milliseconds between two steps. Default 100. */
  interval: number;
  /** Whether it is playing now. */
  playing: boolean;
  /** Whether it starts over at the end. Default false. */
  repeat: boolean;
  showRepeat: boolean;
  style: Style<DescriptionStyleState>;
}
export interface Play extends Widget<PlayState>, PlayState {}
/**
 * Buttons that play, pause and rewind a count.
 * @defaultValue from 0 to 100 in steps of 1, one every 100 ms; `repeat`: false
 * @example
 * const play = new Play({ max: 30 });
 * play.observe((n) => console.log(n / 10));
 */
export const Play: WidgetClass<PlayState, Play> = widgetClass({
  name: "Play",
  names: controlNames("Play"),
  properties: {
    value: integer(0),
    min: integer(0),
    max: integer(100),
    step: integer(1),
    interval: integer(100),
    playing: flag(false),
    repeat: flag(false),
    showRepeat: flag(true),
    ...controlProperties,
    style: styles.description,
  },
  check: (state) =>
    rangeError(state) ?? (state.interval > 0 ? undefined : `interval must be above 0 ms, received ${state.interval}`),
});

/** The properties of a button. */
export interface ButtonState extends ControlState {
  /** An icon of Font Awesome 5 by name: `play`. */
  icon: string;
  buttonStyle: "" | "primary" | "success" | "info" | "warning" | "danger";
  style: Style<ButtonStyleState>;
}
const buttonStyle = oneOf("", "", "primary", "success", "info", "warning", "danger");
const PlainButton = widgetClass<ButtonState>({
  name: "Button",
  names: controlNames("Button"),
  properties: { icon: text(), buttonStyle, ...controlProperties, style: styles.button },
});
/**
 * A button. `onClick` sets what it does.
 * @defaultValue `description`: empty
 * @example
 * new Button({ description: "run" }).onClick(() => console.log("pressed"))
 */
export class Button extends PlainButton {
  /** Calls `fn` at every click. Returns a function that removes the handler. */
  onClick(fn: () => unknown): () => void {
    return this.onMessage((content) => {
      if ((content as { event?: unknown } | null)?.event === "click") return fn();
    });
  }
}
