/** The controls: sliders, check box, button, text, player, HTML. Properties have ipywidgets' names, written as TypeScript writes them. */
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

/** What all controls have. */
export interface ControlState {
  /** Stands before the control. */
  description: string;
  /** It cannot be used on the page. Default false. */
  disabled: boolean;
  /** Shown while the mouse rests on it. */
  tooltip: string | null;
  layout: Layout;
}
export const control = { description: text(), disabled: flag(false), tooltip: maybeText(), layout };

interface Range {
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
}
function rangeFault({ value, min, max, step }: Range): string | undefined {
  if (min > max) return `min is ${min} and max is ${max}: min must not be above max`;
  if (value < min || value > max)
    return `value is ${value}, outside of ${min} to ${max}. Set the limits with it: set({ value, min, max })`;
  return step > 0 ? undefined : `step must be above 0, received ${step}`;
}

/** What both sliders have. */
export interface SliderState extends ControlState {
  /** Where the handle stands, from `min` to `max`. */
  value: number;
  /** Default 0. */
  min: number;
  max: number;
  step: number;
  orientation: "horizontal" | "vertical";
  /** The value is written beside the slider. Default true. */
  readout: boolean;
  /** How: a format of d3-format, `.3f`. Default: as many decimals as the step has. */
  readoutFormat: string;
  /** Every step of the mouse is told, not only the last. Default true. */
  continuousUpdate: boolean;
  style: Style<SliderStyleState>;
}
const slider = {
  orientation: oneOf("horizontal", "horizontal", "vertical"),
  readout: flag(true),
  continuousUpdate: flag(true),
  ...control,
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
 * @defaultValue from 0 to 10 in steps of 0.1; `value`: 0, or the limit that is nearest to it
 * @example
 * const t = new FloatSlider({ min: 0, max: 3, step: 0.25, description: "t" });
 * t.observe((value) => console.log(value));
 */
export const FloatSlider: WidgetClass<SliderState, FloatSlider> = widgetClass<SliderState, FloatSlider>(
  {
    name: "FloatSlider",
    names: controlNames("FloatSlider"),
    properties: { value: number(0), min: number(0), max: number(10), step: number(0.1), readoutFormat: text(".1f"), ...slider },
    check: rangeFault,
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
 * @defaultValue from 0 to 100 in steps of 1; `value`: 0, or the limit that is nearest to it
 * @example
 * const block = new IntSlider({ max: 5, description: "block" });
 */
export const IntSlider: WidgetClass<SliderState, IntSlider> = widgetClass<SliderState, IntSlider>(
  {
    name: "IntSlider",
    names: controlNames("IntSlider"),
    properties: { value: integer(0), min: integer(0), max: integer(100), step: integer(1), readoutFormat: text("d"), ...slider },
    check: rangeFault,
  },
  (options) => ({ ...options, ...startOf(options) }),
);

/** Without a value it stands at 0, or at the limit that is nearest to it. */
function startOf({ value, min = 0, max }: { value?: number; min?: number; max?: number }): { value: number } {
  return { value: value ?? Math.max(min, Math.min(0, max ?? 0)) };
}

/** The properties of a check box. */
export interface CheckboxState extends ControlState {
  value: boolean;
  /** Stands under other controls' inputs. Default true. */
  indent: boolean;
  style: Style<BackgroundStyleState>;
}
export interface Checkbox extends Widget<CheckboxState>, CheckboxState {}
/**
 * Yes or no.
 * @defaultValue `value`: false; `indent`: true
 * @example
 * const exact = new Checkbox({ value: true, description: "exact" });
 */
export const Checkbox: WidgetClass<CheckboxState, Checkbox> = widgetClass({
  name: "Checkbox",
  names: controlNames("Checkbox"),
  properties: { value: flag(false), indent: flag(true), ...control, style: styles.checkbox },
});

/** The properties of a line of text. */
export interface TextState extends ControlState {
  value: string;
  /** Shown while it is empty. */
  placeholder: string;
  /** Every key is told, not only Enter and leaving the field. Default true. */
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
  properties: { value: text(), placeholder: text("\u200b"), continuousUpdate: flag(true), ...control, style: styles.text },
});

/** The properties of a piece of HTML. */
export interface HTMLState extends Omit<ControlState, "disabled"> {
  /** HTML that is drawn; JupyterLab takes scripts out of it. */
  value: string;
  placeholder: string;
  style: Style<TextStyleState>;
}
export interface HTML extends Widget<HTMLState>, HTMLState {}
/**
 * A piece of HTML that can be set anew at any time.
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
  /** Counts up while it plays. */
  value: number;
  /** Default 0. */
  min: number;
  /** Default 100. */
  max: number;
  /** Default 1. */
  step: number;
  /** Milliseconds between two steps. Default 100. */
  interval: number;
  /** It counts at this moment. */
  playing: boolean;
  /** Begins again at the end. Default false. */
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
    ...control,
    style: styles.description,
  },
  check: (state) =>
    rangeFault(state) ?? (state.interval > 0 ? undefined : `interval must be above 0 ms, received ${state.interval}`),
});

/** The properties of a button. */
export interface ButtonState extends ControlState {
  /** A name of Font Awesome 5: `play`. */
  icon: string;
  buttonStyle: "" | "primary" | "success" | "info" | "warning" | "danger";
  style: Style<ButtonStyleState>;
}
const buttonStyle = oneOf("", "", "primary", "success", "info", "warning", "danger");
const PlainButton = widgetClass<ButtonState>({
  name: "Button",
  names: controlNames("Button"),
  properties: { icon: text(), buttonStyle, ...control, style: styles.button },
});
/**
 * A button; `onClick` says what it does.
 * @defaultValue `description`: empty
 * @example
 * new Button({ description: "run" }).onClick(() => console.log("pressed"))
 */
export class Button extends PlainButton {
  /** Calls `fn` at every click. Returns a function that ends it. */
  onClick(fn: () => unknown): () => void {
    return this.onMessage((content) => {
      if ((content as { event?: unknown } | null)?.event === "click") return fn();
    });
  }
}
