/** The results: medians, the table, and our kernel against its targets. */

import { median } from "../machine.js";
import type { Engine, Missing } from "./engines.js";
import type { Round, Size } from "./measure.js";

export interface Measured {
  readonly engine: Engine;
  readonly rounds: readonly Round[];
  /** Why rounds failed. */
  readonly failures: readonly string[];
}

type Numbers = Readonly<Record<Exclude<keyof Round, "floodIdle" | "idlesLost">, number>>;
export const NUMBERS: readonly (keyof Numbers)[] = [
  "start",
  "firstCell",
  "newCell",
  "cellAfter",
  "completion",
  "memory",
  "flood",
  "floodArrived",
];

export function medians(rounds: readonly Round[]): Numbers | undefined {
  if (!rounds.length) return undefined;
  return Object.fromEntries(NUMBERS.map((key) => [key, median(rounds.map((round) => round[key]))])) as Numbers;
}

export interface Target {
  readonly what: string;
  readonly measured: number;
  readonly limit: number;
  readonly unit: string;
  readonly met: boolean;
}

/** Our figures against their limits, without those that need a missing kernel. */
export function targets(all: readonly Measured[]): Target[] {
  const of = (name: string) => medians(all.find(({ engine }) => engine.name === name)?.rounds ?? []);
  const [ours, deno, ipykernel] = [of("sparselab"), of("deno"), of("ipykernel")];
  if (!ours) return [];
  const list: [string, number, number | undefined, string][] = [
    ["start to kernel_info_reply, at most Deno's + 0.1 s", ours.start, deno && deno.start + 100, "ms"],
    ["start to the end of a first cell", ours.firstCell, 1500, "ms"],
    ["new cell", ours.newCell, 25, "ms"],
    ["new cell after many, at most 8 ms slower", ours.cellAfter, ours.newCell + 8, "ms"],
    ["completion", ours.completion, 20, "ms"],
    ["memory", ours.memory, 350, "MiB"],
    ["flood, at most ipykernel's time", ours.flood, ipykernel?.flood, "ms"],
  ];
  return list.flatMap(([what, measured, limit, unit]) =>
    limit === undefined ? [] : [{ what, measured, limit, unit, met: measured <= limit }],
  );
}

const digits = (value: number): string => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));

export function table(all: readonly Measured[], missing: readonly Missing[], size: Size): string {
  const labels: Record<Exclude<keyof Numbers, "floodArrived">, string> = {
    start: "start to kernel_info_reply, ms",
    firstCell: "start to the end of a first cell, ms",
    newCell: "new cell, ms",
    cellAfter: `new cell after ${size.cells}, ms`,
    completion: `completion after ${size.cells}, ms`,
    memory: `memory after ${size.memoryCells} cells, MiB`,
    flood: `flood of ${size.floodLines} lines, ms`,
  };
  const summaries = all.map(({ rounds }) => medians(rounds));
  const cell = (key: keyof typeof labels, summary: Numbers | undefined): string => {
    if (!summary) return "-";
    const lost = key === "flood" && summary.floodArrived < size.floodLines;
    return lost ? `${summary.floodArrived} arrived` : digits(summary[key]);
  };
  const rows = [
    ["", ...all.map(({ engine }) => `${engine.name} ${engine.version}`)],
    ...(Object.keys(labels) as (keyof typeof labels)[]).map((key) => [labels[key], ...summaries.map((s) => cell(key, s))]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) => row.map((text, c) => (c ? text.padStart(widths[c]!) : text.padEnd(widths[0]!))).join("  "));
  return [
    ...lines,
    ...missing.map(({ name, missing: why }) => `${name} is missing: ${why}`),
    ...all.flatMap(({ engine, failures }) => failures.map((why) => `${engine.name}: a round failed: ${why}`)),
    ...all.flatMap(({ engine, rounds }) =>
      rounds.some((round) => !round.floodIdle) ? [`${engine.name}: no idle status after the flood`] : [],
    ),
    ...all.flatMap(({ engine, rounds }) => {
      const lost = rounds.reduce((sum, round) => sum + round.idlesLost, 0);
      return lost ? [`${engine.name}: no idle status after ${lost} other requests; their time is that of the reply`] : [];
    }),
  ].join("\n");
}

export function targetLines(list: readonly Target[]): string {
  return list
    .map(
      ({ what, measured, limit, unit, met }) =>
        `${met ? "met   " : "MISSED"}  ${what}: ${digits(measured)} ${unit} (${digits(limit)})`,
    )
    .join("\n");
}
