/** How a model shows itself as a cell's last value: its description, and what its view adds, as text or as a small table. */
import { fileName } from "../metadata.js";
import { callNativeSync } from "../native.js";
import { policyText } from "../policy/policy.js";
import { sequencePlan } from "../runtime/batch.js";
import { countText, htmlText } from "../text.js";
import { cutoffText } from "./cutoff.js";
import {
  activationFact,
  architectureFact,
  downFact,
  type Fact,
  fact,
  fileFact,
  memoryFact,
  predictorsFact,
  scalesFact,
  shapeFact,
  strategyFact,
  weightsFact,
} from "./description.js";
import { internalsOf } from "./internals.js";
import type { Model } from "./model.js";

function facts(model: Model): readonly Fact[] {
  const { weights, setting, native, context, threads } = internalsOf(model);
  const { info, table } = weights;
  const { names } = setting.interventions;
  const estimate = callNativeSync((addon) => addon.estimate(weights.native, sequencePlan(native, [], context, threads), 1, 1));
  return [
    // Without its folder: notebooks are saved and shared.
    fileFact(table, fileName(table)),
    architectureFact(table),
    shapeFact({ ...info, context }),
    ...scalesFact(info),
    weightsFact(info),
    downFact(info),
    activationFact(setting.activation),
    fact("policy", model.policy, policyText(model.policy)),
    strategyFact(setting.strategy, setting.activation),
    ...(model.strategy === "predicted" ? [fact("cutoff", model.cutoff, cutoffText(setting.cutoff).replace(/^cutoff /, ""))] : []),
    ...(names.length > 0 ? [fact("interventions", names, names.join(", "))] : []),
    ...(info.predictors.length > 0 ? [predictorsFact(info)] : []),
    memoryFact(info, estimate),
    fact(
      "runs on",
      weights.device.name,
      weights.device.backend === "cpu"
        ? `CPU (${callNativeSync((addon) => addon.cpu)}), ${countText(threads, "thread")}, layout mmap${setting.arithmetic ? `, arithmetic ${setting.arithmetic}` : ""}${weights.device.why ? `; no GPU: ${weights.device.why}` : ""}`
        : weights.device.name,
    ),
  ];
}

export function modelText(model: Model): string {
  return `Model ${model.name}: ${facts(model)
    .map(({ label, text }) => `${label} ${text}`)
    .join("; ")}`;
}

export function modelHtml(model: Model): string {
  const rows = facts(model).map(
    ({ label, text }) => `<tr><td><b>${label}</b></td><td style="text-align:left">${htmlText(text)}</td></tr>`,
  );
  return `<div><b>${htmlText(model.name)}</b><table>${rows.join("")}</table></div>`;
}
