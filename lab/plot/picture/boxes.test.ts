import { JSDOM } from "jsdom";
import { describe, expect, it } from "vitest";
import { ownBox, pageBox, type SvgElement } from "./boxes.js";

/** Ten pixels a character, whatever the font; the font is kept to be looked at. */
let font = "";
const measure = (text: string, given: string) => {
  font = given;
  return 10 * text.length;
};
const element = (svg: string): SvgElement => {
  const { document } = new JSDOM(`<svg>${svg}</svg>`).window;
  return document.querySelector("#here") as unknown as SvgElement;
};

describe("boxes of SVG elements", () => {
  it("measures text in its own font, from its anchor", () => {
    const text = element(
      '<g style="font-size: 20px; font-family: serif"><text id="here" x="100" y="50" text-anchor="end">abcd</text></g>',
    );
    expect(ownBox(text, measure)).toEqual({ x: 60, y: 31, width: 40, height: 26 });
    expect(font).toBe("normal 20px serif");
  });

  it("stacks the lines of a text and takes the widest", () => {
    const text = element(
      '<text id="here" style="font-size: 10px"><tspan class="line">ab</tspan><tspan class="line">abcdef</tspan></text>',
    );
    expect(ownBox(text, measure)).toMatchObject({ width: 60, height: 26 });
  });

  it("joins the children of a group, each moved by its transform", () => {
    const group = element(
      '<g id="here"><rect width="10" height="10"/><g transform="translate(100,20)"><rect width="5" height="5"/></g><path d="M0 0"/></g>',
    );
    expect(ownBox(group, measure)).toEqual({ x: 0, y: 0, width: 105, height: 25 });
  });

  it("follows transforms up to the page", () => {
    const rect = element('<g transform="translate(100,0)rotate(90)"><rect id="here" width="30" height="10"/></g>');
    const box = pageBox(rect, measure);
    expect([box.x, box.y, box.width, box.height].map(Math.round)).toEqual([90, 0, 10, 30]);
    expect(ownBox(rect, measure)).toEqual({ x: 0, y: 0, width: 30, height: 10 });
  });

  it("gives an empty box to an empty element", () => {
    expect(ownBox(element('<g id="here"><text></text></g>'), measure)).toEqual({ x: 0, y: 0, width: 0, height: 0 });
  });
});
