/** The caption of a figure: the provenance that all its results share, and how many values there are where they differ. */
import type { Provenance } from "../measures/report.js";
import { perLayerText, policyText } from "../policy/policy.js";
import { thousandsText } from "./style.js";

export interface WithProvenance {
  readonly tokens: number;
  readonly provenance: Provenance;
}

/** Two lines: the model, and the measurement. Empty without results. */
export function caption(results: readonly WithProvenance[]): readonly string[] {
  if (results.length === 0) return [];
  const shared = (read: (p: Provenance) => string, plural: string): string => {
    const values = [...new Set(results.map(({ provenance }) => read(provenance)))];
    return values.length === 1 ? values[0]! : `${values.length} ${plural}`;
  };
  const touched = Math.max(...results.map(({ provenance }) => provenance.interventions));
  const model = [
    shared((p) => p.model, "models"),
    shared((p) => p.weights, "weight types"),
    settings(results),
    ...(touched > 0 ? [`${touched} intervention${touched === 1 ? "" : "s"}`] : []),
    shared((p) => `${p.strategy}${cutoff(p)}, ${p.arithmetic}, kv ${p.kv}`, "ways of computing"),
    shared((p) => `${p.device}, ${p.threads} thread${p.threads === 1 ? "" : "s"}`, "devices"),
  ];
  const tokens = [...new Set(results.map((result) => result.tokens))];
  const count =
    tokens.length === 1
      ? thousandsText(tokens[0]!)
      : `${thousandsText(Math.min(...tokens))} to ${thousandsText(Math.max(...tokens))}`;
  const measured = [
    `${shared((p) => p.corpus, "corpora")}: ${count} tokens`,
    shared((p) => `windows of ${p.window}${p.bos ? " that begin with BOS" : ""}`, "kinds of window"),
    `sparselab ${shared((p) => p.version, "versions")}`,
    shared((p) => p.date.slice(0, 10), "dates"),
  ];
  return [model.join(" · "), measured.join(" · ")];
}

/** Of predictors. Points of an older file have none. */
const cutoff = ({ cutoff: value }: Provenance) =>
  value === null || value === undefined ? "" : ` at cutoff ${perLayerText(value)}`;

/** `fatrelu_1.5, t = 0`; `t = 0 to 3` over a sweep. */
function settings(results: readonly WithProvenance[]): string {
  const texts = [...new Set(results.map(({ provenance: p }) => policyText(p.policy)))];
  if (texts.length === 1) {
    const activations = [...new Set(results.map(({ provenance: p }) => p.activation))];
    const activation = activations.length === 1 ? activations[0]! : `${activations.length} activations`;
    return texts[0] === "as-trained" ? activation : `${activation}, ${texts[0]}`;
  }
  const thresholds = results.flatMap(({ provenance: { policy } }) => (policy.kind === "fatrelu" ? [policy.t].flat() : []));
  if (thresholds.length === 0 || results.some(({ provenance }) => provenance.policy.kind !== "fatrelu"))
    return `${texts.length} policies`;
  return `${policyText({ kind: "fatrelu", t: thresholds })}`.replace(" by layer", "");
}
