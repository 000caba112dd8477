import { loadImage } from "@napi-rs/canvas";
import { describe, expect, it } from "vitest";
import { tensor } from "../../tensor.js";
import { pareto } from "../pareto.js";
import { samplePoints } from "../sample.js";
import { tokenLayer } from "../token-layer.js";
import { pixelRatio } from "./draw.js";
import { drawPicture, pictureWidth } from "./picture.js";

describe("static pictures", () => {
  it("draws a figure with all its texts, the same each time", async () => {
    const figure = pareto(samplePoints(), "perplexity");
    const [first, second] = [await drawPicture(figure), await drawPicture(figure)];
    expect(first.svg).toBe(second.svg);
    for (const text of ["Sparsity against perplexity", "t = 0.8", "98", "1 % more perplexity", "held.txt"])
      expect(first.svg).toContain(text);
    expect(first.svg).toMatch(/<path class="js-line"/);
    expect(first.svg.length).toBeLessThan(40_000);
    const image = await loadImage(first.png);
    expect([image.width, image.height]).toEqual([pictureWidth * pixelRatio, 450 * pixelRatio]);
  });

  it("keeps titles, ticks and caption apart", async () => {
    const { svg } = await drawPicture(pareto(samplePoints(), "perplexity"));
    const y = (text: string) => Number(new RegExp(`y="([\\d.]+)"[^>]*>(?:<tspan[^>]*>)?${text}`).exec(svg)?.[1]);
    expect(y("up to t = 1.5")).toBeGreaterThan(y("Sparsity against") + 15);
    expect(y("held.txt")).toBeGreaterThan(10 + y("tiny-world · Q8_0"));
  });

  it("draws the cells of a heat map", async () => {
    const sparsity = tensor(Float32Array.from([0, 1, 1, 0]), ["layer", "token"], [2, 2]);
    const { svg } = await drawPicture(tokenLayer({ pieces: ["a", "b"], sparsity }));
    expect(svg).toMatch(/<image[^>]*href="data:image\/png;base64/);
  });
});
