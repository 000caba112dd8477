/** How widgets look: the layout, which every widget has, with CSS properties; and the styles of each kind. */
import { baseModule, controlsModule, submodel, type WidgetClass, widgetClass } from "./model.js";
import { maybeText, type Properties, type Property, text } from "./property.js";
import type { Widget } from "./widget.js";

/** CSS values as strings: `{ width: "400px", margin: "0 0 8px" }`. null: the front end's default. */
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
 * The place and size of a widget. Every widget has its own: `slider.layout.width = "400px"`.
 * @defaultValue every property: null, the front end's default
 * @example
 * const wide = new FloatSlider({ layout: new Layout({ width: "400px" }) });
 */
export const Layout: WidgetClass<LayoutState, Layout> = widgetClass({
  name: "Layout",
  names: { ...baseModule, model: "LayoutModel", view: "LayoutView" },
  properties: Object.fromEntries(cssNames.map((name) => [name, maybeText()])) as unknown as Properties<LayoutState>,
});

/** The style of controls with a description. */
export interface DescriptionStyleState {
  /** Width of the description in CSS; `initial`: as wide as its text. Default: the front end's. */
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
    names: {
      ...controlsModule,
      model: `${name}Model`,
      view: "StyleView",
      viewModule: baseModule.module,
      viewVersion: baseModule.version,
    },
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
