/**
 * Sparsity (x) against quality (y), a line for each method: what does it cost to keep more neurons silent? The best corner is the lower
 * right (the upper right for top-1 agreement). After Sparsing Law, figure 2, with sparsity instead of its complement.
 */
import type { Checked, Loose } from "../literals.js";
import { policyText } from "../policy/policy.js";
import { caption } from "./caption.js";
import { type Figure, figure } from "./figure.js";
import {
  type AnyPoint,
  checkMeasured,
  numberText,
  type PlotPoint,
  type Quality,
  type QualityAxis,
  qualityAxis,
} from "./quality.js";
import { type Scale, scaleFor } from "./scale.js";
import { seriesOf } from "./series.js";
import { accent, axis, emptyNote, escapeText, layout, muted, percent, percentText, seriesColor, thousandsText } from "./style.js";

/**
 * Points of a sweep, finished (filled) or running (hollow). Without points it is an empty frame, with which a live figure starts.
 * @example
 * show(plot.pareto(await sweep(model, { over: fatrelu(0, 1, 2), on, measure: ["sparsity", "kl"] }), "kl"));
 */
export function pareto<const Y extends Loose<Quality>>(points: readonly PlotPoint<Y>[], y: Checked<Y, Quality>): Figure {
  const quality = qualityAxis("plot.pareto", y);
  const where = `plot.pareto(points, "${quality.name}")`;
  checkMeasured(where, points, ["sparsity", quality.name]);
  const all = points as unknown as readonly AnyPoint[];
  const series = seriesOf(all);
  const scale = scaleFor(all.map(quality.value), quality);
  const price = priceOf(all, quality);

  return figure(
    series.map(({ name, points: line }, i) =>
      trace(line, { name, color: seriesColor(i), quality, scale, best: price?.best, sparing: series.length > 1 }),
    ),
    layout({
      title: `Sparsity against ${quality.word}`,
      subtitle: subtitle(all, price),
      caption: caption(all),
      axes: {
        xaxis: axis("sparsity: zeros in x₁ (% of neurons)", all.length === 0 ? { range: [0, 100] } : {}),
        yaxis: axis(quality.title, all.length === 0 ? { range: [0, 1], showticklabels: false } : scale.axis),
      },
      legend: series.length > 1,
      shapes: price ? priceLines(price, scale) : [],
      annotations: all.length === 0 ? [emptyNote("no points yet")] : price ? priceNotes(price, scale) : [],
    }),
  );
}

interface TraceLook {
  readonly name: string;
  readonly color: string;
  readonly quality: QualityAxis;
  readonly scale: Scale;
  /** Drawn with a ring. */
  readonly best: AnyPoint | undefined;
  /** Names only the ends and the best, since other names would overlap among several lines. */
  readonly sparing: boolean;
}

function trace(line: readonly AnyPoint[], look: TraceLook): object {
  const { name, color, quality, scale, best } = look;
  const lower = quality.better === "lower";
  return {
    type: "scatter",
    mode: "lines+markers+text",
    name: escapeText(name),
    x: line.map(({ sparsity }) => percent(sparsity.mean)),
    y: line.map((point) => scale.place(quality.value(point))),
    line: { color, width: 2 },
    marker: {
      color,
      size: line.map((point) => (point === best ? 13 : 9)),
      opacity: 1,
      symbol: line.map(({ done }) => (done ? "circle" : "circle-open")),
      line: {
        color: line.map((point) => (point === best ? accent : color)),
        width: line.map((point) => (point === best ? 3 : 2)),
      },
    },
    text: labels(line, look),
    // The curve comes from the left, below (or above) each point, so this corner is free.
    textposition: line.map((_, i) => `${lower ? "top" : "bottom"} ${i === 0 ? "center" : "left"}`),
    textfont: { size: 11, color: muted },
    cliponaxis: false,
    hovertemplate: "%{customdata}<extra></extra>",
    customdata: line.map((point) => hoverText(point, quality, name)),
  };
}

/** The numbers of one point. */
export function hoverText(point: AnyPoint, quality: QualityAxis, name: string): string {
  const { sparsity, tokens, setting, done } = point;
  return [
    `<b>${policyText(setting)}</b>${name ? ` · ${escapeText(name)}` : ""}${done ? "" : " · running"}`,
    `zeros in x₁ ${percentText(sparsity.mean)} · in s ${percentText(sparsity.zerosInGate)}`,
    quality.text(point),
    `${thousandsText(tokens)} tokens`,
  ].join("<br>");
}

/** Names beside the points: always the ends and the best, and others that are not too close to a named point. */
function labels(line: readonly AnyPoint[], { quality, scale, best, sparing }: TraceLook): string[] {
  const places = line.map((point) => [point.sparsity.mean, scale.inAxis(quality.value(point))] as const);
  const extent = (axis: 0 | 1) => Math.max(...places.map((p) => p[axis])) - Math.min(...places.map((p) => p[axis])) || 1;
  const [width, height] = [extent(0), extent(1)];
  const always = (i: number) => i === 0 || i === line.length - 1 || line[i] === best;
  const close = (i: number, j: number) =>
    Math.abs(places[i]![0] - places[j]![0]) < 0.09 * width && Math.abs(places[i]![1] - places[j]![1]) < 0.06 * height;
  const named = line.flatMap((_, i) => (always(i) ? [i] : []));
  line.forEach((_, i) => {
    if (!sparing && !named.some((j) => close(i, j))) named.push(i);
  });
  return line.map(({ setting }, i) => (named.includes(i) ? policyText(setting) : ""));
}

/** The price of sparsity in perplexity, compared with the densest point. */
export interface Price {
  readonly baseline: AnyPoint;
  readonly value: number;
  /** The perplexity of the baseline plus 1 %. */
  readonly limit: number;
  /** The sparsest finished point within the limit; absent where none is sparser than the baseline. */
  readonly best: AnyPoint | undefined;
}
export function priceOf(points: readonly AnyPoint[], quality: QualityAxis): Price | undefined {
  if (quality.name !== "perplexity") return undefined;
  const [line] = seriesOf(points);
  const baseline = line?.points[0];
  if (!baseline || !Number.isFinite(quality.value(baseline))) return undefined;
  const value = quality.value(baseline);
  const limit = 1.01 * value;
  const best = line.points.findLast((point) => point.done && quality.value(point) <= limit);
  return { baseline, value, limit, best: best === baseline ? undefined : best };
}

export function subtitle(points: readonly AnyPoint[], price: Price | undefined): string {
  if (points.length === 0) return "waiting for the first points";
  const running = points.filter(({ done }) => !done);
  if (running.length > 0) {
    return `${running.length} of ${points.length} settings running, ${thousandsText(Math.max(...running.map(({ tokens }) => tokens)))} tokens so far`;
  }
  if (price?.best) {
    const { best, baseline } = price;
    return `up to ${policyText(best.setting)}: ${percentText(best.sparsity.mean)} silent instead of ${percentText(baseline.sparsity.mean)}, for at most 1 % more perplexity`;
  }
  return `${points.length} settings, from ${percentText(Math.min(...points.map(({ sparsity }) => sparsity.mean)))} to ${percentText(Math.max(...points.map(({ sparsity }) => sparsity.mean)))} silent`;
}

/** The baseline, and the line of 1 % more perplexity; `yref` names the panel. */
export function priceLines({ value, limit }: Price, scale: Scale, yref = "y"): object[] {
  const across = { type: "line", xref: "paper", x0: 0, x1: 1, yref, layer: "below" };
  return [
    { ...across, y0: scale.place(value), y1: scale.place(value), line: { color: muted, width: 1 } },
    { ...across, y0: scale.place(limit), y1: scale.place(limit), line: { color: accent, width: 1.5, dash: "dash" } },
  ];
}
export function priceNotes({ limit, value }: Price, scale: Scale, yref = "y"): object[] {
  return [
    {
      xref: "paper",
      x: 0.01,
      xanchor: "left",
      yref,
      y: scale.inAxis(value),
      yanchor: "top",
      showarrow: false,
      text: `1 % more perplexity: ${numberText(limit)} (baseline ${numberText(value)})`,
      font: { size: 11, color: accent },
    },
  ];
}
