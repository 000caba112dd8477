/** How a report shows itself as a cell's last value: a small table of its numbers, and one line of provenance. */
import { displaySymbol, type MimeBundle } from "../display.js";
import { policyText } from "../policy/policy.js";
import { htmlText, valueText } from "../text.js";
import { strategyText } from "./job.js";
import type { MeasureMap, Provenance } from "./report.js";

type Parts = { readonly [K in keyof MeasureMap]?: MeasureMap[K] } & { readonly tokens: number; readonly provenance: Provenance };

/**
 * The same record, made displayable; the display is not part of its data. Frozen: all readers of a sweep get the same points. (Typed arrays
 * cannot be frozen.)
 */
export function withDisplay<R extends object>(report: R): R {
  Object.defineProperty(report, displaySymbol, { value: () => bundle(report as unknown as Parts), enumerable: false });
  return frozen(report);
}
function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) return value;
  for (const one of Object.values(value)) frozen(one);
  return Object.freeze(value);
}

const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
/** A value with its standard error, where there is one. */
const within = (text: string, stderr: string, known: number) => (Number.isFinite(known) ? `${text} ± ${stderr}` : text);

/** The measures of a report, as names and values for people. */
export function reportRows({ sparsity, perplexity, kl, top1, predictor }: Parts): [string, string][] {
  const out: [string, string][] = [];
  if (sparsity) {
    out.push(
      ["zeros in x₁", percent(sparsity.mean)],
      ["zeros in the gate", percent(sparsity.zerosInGate)],
      ["rows of up and down skipped", percent(sparsity.rowsSkipped)],
    );
  }
  if (perplexity) {
    out.push(
      ["perplexity", within(valueText(perplexity.value), valueText(perplexity.stderr), perplexity.stderr)],
      ["bits per byte", valueText(perplexity.bitsPerByte)],
    );
  }
  if (kl) {
    out.push(
      ["KL, nats", within(valueText(kl.mean), valueText(kl.stderr), kl.stderr)],
      ["KL median, 99 %, largest", [kl.median, kl.p99, kl.max].map(valueText).join(", ")],
    );
  }
  if (predictor) {
    out.push(
      ["recall of the predictors", percent(predictor.recall.mean("layer").data[0]!)],
      ["predicted sparsity", percent(predictor.predictedSparsity.mean("layer").data[0]!)],
    );
  }
  if (top1) out.push(["same top token", within(percent(top1.agreement), percent(top1.stderr), top1.stderr)]);
  return out;
}

/** The provenance of the numbers, in one line. */
export function reportOrigin({ tokens, provenance: p }: Parts): string {
  const reference = p.reference === null ? "" : `; compared with ${p.reference}`;
  return `${p.model} (${p.weights}), activation ${p.activation}, policy ${policyText(p.policy)}, ${strategyText(p)}; ${tokens} tokens of ${p.corpus} in windows of ${p.window}${reference}`;
}

function bundle(report: Parts): MimeBundle {
  const table = reportRows(report).map(([name, value]) => `<tr><td style="text-align:left">${name}</td><td>${value}</td></tr>`);
  return {
    "text/plain": `Report: ${reportRows(report)
      .map(([name, value]) => `${name} ${value}`)
      .join("; ")}. ${reportOrigin(report)}`,
    "text/html": `<div><table>${table.join("")}</table><small>${htmlText(reportOrigin(report))}</small></div>`,
  };
}
