/**
 * The effect of a threshold: sparsity and quality over FATReLU's t, in two panels with a common t axis. Where the upper curve has risen and
 * the lower has not, sparsity costs nothing. After ProSparse, table 9.
 */
import { LabError } from "../errors.js";
import type { Checked, Loose } from "../literals.js";
import { caption } from "./caption.js";
import { type Figure, figure } from "./figure.js";
import { hoverText, priceLines, priceNotes, priceOf, subtitle } from "./pareto.js";
import { type AnyPoint, checkMeasured, type PlotPoint, type Quality, type QualityAxis, qualityAxis } from "./quality.js";
import { scaleFor } from "./scale.js";
import { seriesOf } from "./series.js";
import { axis, emptyNote, escapeText, layout, percent, seriesColor } from "./style.js";

/**
 * Points of a sweep over thresholds; a setting with a threshold for each layer is placed at their mean. Without points it is an empty frame.
 * @example
 * show(plot.threshold(await sweep(model, { over: fatrelu(0, 1, 2), on, measure: ["sparsity", "perplexity"] }), "perplexity"));
 */
export function threshold<const Y extends Loose<Quality>>(points: readonly PlotPoint<Y>[], y: Checked<Y, Quality>): Figure {
  const quality = qualityAxis("plot.threshold", y);
  const where = `plot.threshold(points, "${quality.name}")`;
  checkMeasured(where, points, ["sparsity", quality.name]);
  const all = points as unknown as readonly AnyPoint[];
  for (const point of all) thresholdOf(where, point);
  const series = seriesOf(all);
  const scale = scaleFor(all.map(quality.value), quality);
  const price = priceOf(all, quality);
  const empty = all.length === 0;

  const panels = series.flatMap(({ name, points: line }, i) => {
    const sorted = line.toSorted((a, b) => thresholdOf(where, a) - thresholdOf(where, b));
    const common = panel(sorted, { name, color: seriesColor(i), quality, where });
    return [
      { ...common, y: sorted.map(({ sparsity }) => percent(sparsity.mean)), yaxis: "y", showlegend: series.length > 1 },
      { ...common, y: sorted.map((point) => scale.place(quality.value(point))), yaxis: "y2", showlegend: false },
    ];
  });
  return figure(
    // A panel exists only where it has a trace.
    empty ? ["y", "y2"].map((yaxis) => ({ type: "scatter", x: [], y: [], xaxis: "x", yaxis })) : panels,
    layout({
      title: `What the threshold buys, and its price in ${quality.word}`,
      subtitle: subtitle(all, price),
      caption: caption(all),
      height: 560,
      legend: series.length > 1,
      axes: {
        xaxis: axis("FATReLU threshold t", { anchor: "y2", ...(empty ? { range: [0, 1] } : { rangemode: "tozero" }) }),
        yaxis: axis("zeros in x₁ (%)", { domain: [0.56, 1], ...(empty ? { range: [0, 100] } : {}) }),
        yaxis2: axis(panelTitle(quality), {
          domain: [0, 0.44],
          ...(empty ? { range: [0, 1], showticklabels: false } : scale.axis),
        }),
      },
      shapes: price ? priceLines(price, scale, "y2") : [],
      annotations: empty ? [emptyNote("no points yet")] : price ? priceNotes(price, scale, "y2") : [],
    }),
  );
}

/** Half as high as a figure's axis: the short form of the title. */
function panelTitle({ name, title }: QualityAxis): string {
  return name === "top1" ? "top-1 agreement (%)" : name === "kl" ? "mean KL (nats)" : title.replace(" (lower is better)", "");
}

interface PanelLook {
  readonly name: string;
  readonly color: string;
  readonly quality: QualityAxis;
  readonly where: string;
}
function panel(line: readonly AnyPoint[], { name, color, quality, where }: PanelLook): object {
  return {
    type: "scatter",
    mode: "lines+markers",
    name: escapeText(name),
    legendgroup: name,
    x: line.map((point) => thresholdOf(where, point)),
    xaxis: "x",
    line: { color, width: 2 },
    marker: { color, size: 8, symbol: line.map(({ done }) => (done ? "circle" : "circle-open")), line: { color, width: 2 } },
    cliponaxis: false,
    hovertemplate: "%{customdata}<extra></extra>",
    customdata: line.map((point) => hoverText(point, quality, name)),
  };
}

function thresholdOf(where: string, { setting }: AnyPoint): number {
  if (setting.kind !== "fatrelu") {
    throw new LabError(
      "invalid-option",
      `${where}: a point of policy "${setting.kind}" has no threshold; expected { kind: "fatrelu", t }. plot.pareto shows points of any policy`,
    );
  }
  const t = [setting.t].flat();
  return t.reduce((sum, value) => sum + value, 0) / t.length;
}
