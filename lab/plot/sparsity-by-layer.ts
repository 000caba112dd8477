/** Sparsity (y) by layer (x), a line for each report: which layers are silent. After ProSparse, figure 4. */
import { LabError } from "../errors.js";
import type { Report } from "../measures/report.js";
import { policyText } from "../policy/policy.js";
import { caption } from "./caption.js";
import { type Figure, figure } from "./figure.js";
import { checkMeasured } from "./quality.js";
import { withNames } from "./series.js";
import { axis, emptyNote, escapeText, layout, percent, percentText, seriesColor, thousandsText } from "./style.js";

/**
 * One or more reports with `sparsity`; they can differ in their number of layers. Without reports it is an empty frame.
 * @example
 * show(plot.sparsityByLayer(await measure(model, on, { measure: ["sparsity"] })));
 */
export function sparsityByLayer(...reports: readonly Report<"sparsity">[]): Figure {
  if (reports.some((report) => Array.isArray(report))) {
    throw new LabError(
      "invalid-option",
      "plot.sparsityByLayer takes reports, received an array of them: plot.sparsityByLayer(...reports)",
    );
  }
  checkMeasured("plot.sparsityByLayer(...reports)", reports, ["sparsity"]);
  const mixed = new Set(reports.map(({ provenance }) => provenance.activation)).size > 1;
  const lines = withNames(reports, (report) => facetsOf(report, mixed));
  const means = reports.map(({ sparsity }) => sparsity.mean);
  return figure(
    lines.map(({ item, name }, i) => trace(item, name, seriesColor(i))),
    layout({
      title: "Sparsity by layer",
      subtitle: subtitle(means),
      caption: caption(reports),
      axes: {
        xaxis: axis("layer", reports.length === 0 ? { range: [0, 1], showticklabels: false } : { dtick: tickStep(reports) }),
        yaxis: axis("sparsity: zeros in x₁ (% of neurons)", reports.length === 0 ? { range: [0, 100] } : {}),
      },
      legend: reports.length > 1,
      annotations: reports.length === 0 ? [emptyNote("no reports")] : [],
    }),
  );
}

/** What the gates compute is the activation where no policy changes it: a model that was loaded as plain ReLU is "relu". */
function facetsOf({ provenance: p }: Report<"sparsity">, mixedActivations: boolean): readonly string[] {
  const touched = p.interventions === 0 ? "untouched" : `${p.interventions} interventions`;
  const changed = mixedActivations ? `${p.activation}, ${policyText(p.policy)}` : policyText(p.policy);
  const gates = p.policy.kind === "as-trained" ? p.activation : changed;
  return [p.model, p.sha256.slice(0, 8), gates, p.corpus, p.strategy, touched];
}

function subtitle(means: readonly number[]): string {
  if (means.length === 0) return "";
  if (means.length === 1) return `mean over layers ${percentText(means[0]!)}`;
  return `means over layers from ${percentText(Math.min(...means))} to ${percentText(Math.max(...means))}`;
}

function trace({ sparsity, tokens }: Report<"sparsity">, name: string, color: string): object {
  const layers = Array.from(sparsity.byLayer);
  return {
    type: "scatter",
    mode: "lines+markers",
    name: escapeText(`${name}: mean ${percentText(sparsity.mean)}`),
    x: layers.map((_, layer) => layer),
    y: layers.map(percent),
    line: { color, width: 2 },
    marker: { color, size: 8 },
    cliponaxis: false,
    hovertemplate: "%{customdata}<extra></extra>",
    customdata: layers.map((share, layer) => {
      const head = `<b>layer ${layer}</b>${name ? ` · ${escapeText(name)}` : ""}`;
      return `${head}<br>zeros in x₁ ${percentText(share)}<br>mean over layers ${percentText(sparsity.mean)}<br>${thousandsText(tokens)} tokens`;
    }),
  };
}

/** Every layer has its tick up to sixteen. */
function tickStep(reports: readonly Report<"sparsity">[]): number {
  const layers = Math.max(...reports.map(({ sparsity }) => sparsity.byLayer.length));
  return Math.max(1, Math.ceil(layers / 16));
}
