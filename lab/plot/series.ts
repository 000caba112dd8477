/** Groups points into lines: one for each model, view and kind of policy, named by what differs. */
import type { Policy } from "../policy/policy.js";
import type { AnyPoint } from "./quality.js";

export interface Series {
  /** Empty where there is one line only. */
  readonly name: string;
  /** By sparsity, the densest first. */
  readonly points: readonly AnyPoint[];
}

/** What the gates compute: the model's own activation where no policy changes it. */
const gatesOf = (setting: Policy, activation: string): string =>
  setting.kind === "as-trained" ? activation : { fatrelu: "FATReLU" }[setting.kind];

const facets: readonly ((point: AnyPoint) => string)[] = [
  ({ provenance }) => provenance.model,
  ({ provenance }) => provenance.sha256.slice(0, 8),
  ({ setting, provenance }) => gatesOf(setting, provenance.activation),
  ({ provenance }) => provenance.corpus,
  ({ provenance }) => provenance.strategy,
  ({ provenance: { interventions } }) => (interventions === 0 ? "untouched" : `${interventions} interventions`),
];

export function seriesOf(points: readonly AnyPoint[]): readonly Series[] {
  const groups = new Map<string, AnyPoint[]>();
  for (const point of points) {
    const key = JSON.stringify(facets.map((facet) => facet(point)));
    groups.set(key, [...(groups.get(key) ?? []), point]);
  }
  return withNames(
    [...groups.values()].map((group) => group.toSorted((a, b) => a.sparsity.mean - b.sparsity.mean)),
    (group) => facets.map((facet) => facet(group[0]!)),
  ).map(({ name, item }) => ({ name, points: item }));
}

/** Names each item by its facets that differ among the items; equal names are numbered. The hash is omitted where the model's name differs. */
export function withNames<T>(
  items: readonly T[],
  facetsOf: (item: T) => readonly string[],
): readonly { name: string; item: T }[] {
  const rows = items.map(facetsOf);
  const differing = (rows[0] ?? []).map((value, i) => rows.some((row) => row[i] !== value));
  if (differing[0]) differing[1] = false;
  const names = rows.map((row) => row.filter((_, i) => differing[i]).join(", "));
  return items.map((item, i) => {
    const same = names.filter((name) => name === names[i]);
    const number = names.slice(0, i + 1).filter((name) => name === names[i]).length;
    return { item, name: same.length > 1 ? `${names[i] || "result"} (${number})` : names[i]! };
  });
}
