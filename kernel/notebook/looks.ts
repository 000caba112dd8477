/** How widgets look: the layout that all have, in the words of CSS, and the styles of each kind. */
import { base, controls, submodel, type WidgetClass, widgetClass } from "./model.js";
import { maybeText, type Properties, type Property, text } from "./property.js";
import type { Widget } from "./widget.js";

/** Texts as CSS has them: `{ width: "400px", margin: "0 0 8px" }`. null: the front end's own. */
export type LayoutState = { [K in (typeof cssNames)[number]]: string | null };
const cssNames = [
  ...(["width", "height", "minWidth", "maxWidth", "minHeight", "maxHeight", "margin", "padding"] as const),
  ...(["borderTop", "borderRight", "borderBottom", "borderLeft", "top", "right", "bottom", "left"] as const),
  ...(["display", "visibility", "overflow", "order", "flex", "flexFlow", "objectFit", "objectPosition"] as const),
  ...(["alignContent", "alignItems", "alignSelf", "justifyContent", "justifyItems"] as const),
  ...(["gridArea", "gridColumn", "gridRow", "gridGap", "gridAutoColumns", "gridAutoFlow", "gridAutoRows"] as const),
  ...(["gridTemplateAreas", "gridTemplateColumns", "gridTemplateRows"] as const),
] as const;

export interface Layout extends Widget<LayoutState>, LayoutState {}
/**
 * The place and size of a widget. Every widget has one of its own: `slider.layout.width = "400px"`.
 * @defaultValue every property: null, the front end's own
 * @example
 * const wide = new FloatSlider({ layout: new Layout({ width: "400px" }) });
 */
export const Layout: WidgetClass<LayoutState, Layout> = widgetClass({
  name: "Layout",
  names: { ...base, model: "LayoutModel", view: "LayoutView" },
  properties: Object.fromEntries(cssNames.map((name) => [name, maybeText()])) as unknown as Properties<LayoutState>,
});

/** The style of everything with a description. */
export interface DescriptionStyleState {
  /** Width of the description in CSS; `initial`: as wide as its text. Default: the front end's own. */
  descriptionWidth: string;
}
export interface SliderStyleState extends DescriptionStyleState {
  /** A colour in CSS. */
  handleColor: string | null;
}
export interface BackgroundStyleState extends DescriptionStyleState {
  /** A colour in CSS. */
  background: string | null;
}
export interface TextStyleState extends BackgroundStyleState {
  /** In CSS: `"14px"`. */
  fontSize: string | null;
  /** A colour in CSS. */
  textColor: string | null;
}
export interface ButtonStyleState {
  /** A colour in CSS. */
  buttonColor: string | null;
  fontFamily: string | null;
  /** In CSS: `"14px"`. */
  fontSize: string | null;
  fontStyle: string | null;
  fontWeight: string | null;
  textColor: string | null;
  textDecoration: string | null;
}

function styleClass<S extends object>(name: string, properties: Properties<S>): WidgetClass<S> {
  return widgetClass<S>({
    name,
    names: { ...controls, model: `${name}Model`, view: "StyleView", viewModule: base.module, viewVersion: base.version },
    properties,
  });
}

const description = { descriptionWidth: text() };
const background = { ...description, background: maybeText() };
const SliderStyle = styleClass<SliderStyleState>("SliderStyle", { ...description, handleColor: maybeText() });
const DescriptionStyle = styleClass<DescriptionStyleState>("DescriptionStyle", description);
const CheckboxStyle = styleClass<BackgroundStyleState>("CheckboxStyle", background);
const fonts = { ...background, fontSize: maybeText(), textColor: maybeText() };
const TextStyle = styleClass<TextStyleState>("TextStyle", fonts);
const HTMLStyle = styleClass<TextStyleState>("HTMLStyle", fonts);
const ButtonStyle = styleClass<ButtonStyleState>("ButtonStyle", {
  buttonColor: maybeText(),
  fontFamily: maybeText(),
  fontSize: maybeText(),
  fontStyle: maybeText(),
  fontWeight: maybeText(),
  textColor: maybeText(),
  textDecoration: maybeText(),
});

/** A property that holds the layout. */
export const layout: Property<Layout> = submodel("layout", Layout) as Property<Layout>;
export const styles = {
  slider: submodel("style", SliderStyle),
  description: submodel("style", DescriptionStyle),
  checkbox: submodel("style", CheckboxStyle),
  text: submodel("style", TextStyle),
  html: submodel("style", HTMLStyle),
  button: submodel("style", ButtonStyle),
};
export type Style<S extends object> = Widget<S> & S;
