/**
 * The boxes of SVG elements, which jsdom does not compute. Plotly needs them to place titles, tick labels, legends
 * and notes. Text is measured in its own font; groups are the union of their children; `transform` is followed up to the document.
 * Only what plotly draws is understood: text with tspan lines, rect, groups, and transforms of translate, rotate and scale.
 */

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}
/** The parts of a jsdom element that are used here. */
export interface SvgElement {
  readonly tagName: string;
  readonly textContent: string | null;
  readonly style?: { readonly [name: string]: string | undefined };
  readonly parentElement: SvgElement | null;
  readonly children: ArrayLike<SvgElement>;
  getAttribute(name: string): string | null;
}
/** Width of a text in pixels; `font` as CSS writes it. */
export type MeasureText = (text: string, font: string) => number;

/** Height of a line over its font's size, and the part of it above the baseline. */
const lineHeight = 1.3;
const ascent = 0.95;

/** The box in the element's own coordinates: `getBBox`. */
export function ownBox(element: SvgElement, measure: MeasureText): Box {
  return ownBoxOrNone(element, measure) ?? { x: 0, y: 0, width: 0, height: 0 };
}

/** The box on the page: `getBoundingClientRect`. */
export function pageBox(element: SvgElement, measure: MeasureText): Box {
  let box = ownBox(element, measure);
  for (let at: SvgElement | null = element; at; at = at.parentElement) box = transformed(box, at);
  return box;
}

function ownBoxOrNone(element: SvgElement, measure: MeasureText): Box | undefined {
  switch (element.tagName) {
    case "text":
    case "tspan":
      return textBox(element, measure);
    case "rect":
      return {
        x: number(element, "x"),
        y: number(element, "y"),
        width: number(element, "width"),
        height: number(element, "height"),
      };
    case "g":
    case "svg":
    case "a":
      return union(
        Array.from(element.children).flatMap((child) => {
          const box = ownBoxOrNone(child, measure);
          return box ? [transformed(box, child)] : [];
        }),
      );
    default:
      return undefined;
  }
}

function textBox(text: SvgElement, measure: MeasureText): Box | undefined {
  if (!text.textContent) return undefined;
  const size = fontSize(text);
  const font = `${inherited(text, "fontWeight", "font-weight") ?? "normal"} ${size}px ${inherited(text, "fontFamily", "font-family") ?? "sans-serif"}`;
  const lines = Array.from(text.children).filter((child) => child.tagName === "tspan" && child.getAttribute("class") === "line");
  const texts = lines.length > 0 ? lines.map((line) => line.textContent ?? "") : [text.textContent];
  const width = Math.max(...texts.map((line) => measure(line, font)));
  const anchor = inherited(text, "textAnchor", "text-anchor") ?? "start";
  const shift = anchor === "middle" ? width / 2 : anchor === "end" ? width : 0;
  return {
    x: number(text, "x") - shift,
    y: number(text, "y") - ascent * size,
    width,
    height: texts.length * lineHeight * size,
  };
}

export function fontSize(element: SvgElement): number {
  return Number.parseFloat(inherited(element, "fontSize", "font-size") ?? "") || 12;
}

/** A presentation property, as style or attribute, of the element or the nearest above it. */
function inherited(element: SvgElement, property: string, attribute: string): string | undefined {
  for (let at: SvgElement | null = element; at; at = at.parentElement) {
    const value = at.style?.[property] || at.getAttribute(attribute);
    if (value) return value;
  }
  return undefined;
}

function number(element: SvgElement, name: string): number {
  return Number.parseFloat(element.getAttribute(name) ?? "") || 0;
}

function union(boxes: readonly Box[]): Box | undefined {
  if (boxes.length === 0) return undefined;
  const x = Math.min(...boxes.map((box) => box.x));
  const y = Math.min(...boxes.map((box) => box.y));
  const right = Math.max(...boxes.map((box) => box.x + box.width));
  const bottom = Math.max(...boxes.map((box) => box.y + box.height));
  return { x, y, width: right - x, height: bottom - y };
}

/** The box around the box after the element's `transform`. */
function transformed(box: Box, element: SvgElement): Box {
  const steps = [...(element.getAttribute("transform") ?? "").matchAll(/(translate|rotate|scale)\(([^)]*)\)/g)];
  if (steps.length === 0) return box;
  const corners = [
    [box.x, box.y],
    [box.x + box.width, box.y],
    [box.x, box.y + box.height],
    [box.x + box.width, box.y + box.height],
  ].map(([x, y]) => steps.reduceRight((point, [, kind, args]) => moved(point, kind!, args!), [x!, y!] as Point));
  return union(corners.map(([x, y]) => ({ x, y, width: 0, height: 0 })))!;
}

type Point = readonly [number, number];
function moved([x, y]: Point, kind: string, args: string): Point {
  const [a = 0, b, c] = args.split(/[\s,]+/).map(Number);
  if (kind === "translate") return [x + a, y + (b ?? 0)];
  if (kind === "scale") return [x * a, y * (b ?? a)];
  const [cx, cy, angle] = [b ?? 0, c ?? 0, (a * Math.PI) / 180];
  const [dx, dy] = [x - cx, y - cy];
  return [cx + dx * Math.cos(angle) - dy * Math.sin(angle), cy + dx * Math.sin(angle) + dy * Math.cos(angle)];
}
