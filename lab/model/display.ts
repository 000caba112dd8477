/** How a model shows itself as a cell's last value: the file, what is in force and why, and the memory, as text or a small table. */
import { basename } from "node:path";
import { callingSync } from "../native.js";
import { policyText } from "../policy/policy.js";
import { bytesText, htmlText } from "../text.js";
import { activationText } from "./activation.js";
import { internalsOf } from "./internals.js";
import type { Model } from "./model.js";

function facts(model: Model): [string, string][] {
  const { weights, setting } = internalsOf(model);
  const { info, table } = weights;
  const { memory } = model;
  const kv = info.kvHeads === info.heads ? "" : ` (${info.kvHeads} for keys and values)`;
  const types = Object.entries(info.weightTypes)
    .sort(([, a], [, b]) => b - a)
    .map(([type, bytes]) => `${type} ${bytesText(bytes)}`);
  const down =
    info.down === "native"
      ? "down by neuron, as in the file"
      : `down regrouped by neuron without loss, ${bytesText(info.ownedBytes)}`;
  const rule =
    setting.strategy === "auto"
      ? ` (rule: ${model.strategy === "exact" ? "exact for a ReLU-family activation" : "dense where neurons are never exactly zero"})`
      : "";
  const rows: [string, string][] = [
    ["file", `${table.magic} ${info.architecture}, ${basename(table.path)}`],
    [
      "shape",
      `${model.layers} blocks, hidden ${model.hidden}, neurons ${model.neurons}, heads ${model.heads}${kv}, vocabulary ${model.vocab}, context ${model.context}`,
    ],
    ["weights", `${types.join(", ")}; ${down}`],
    ["activation", activationText(setting.activation).replace(/^activation /, "")],
    ["policy", policyText(model.policy)],
    ["strategy", `${model.strategy}${rule}`],
  ];
  for (const note of setting.activation.notes) rows.push(["note", note]);
  const { names } = setting.interventions;
  if (names.length > 0) rows.push(["interventions", names.join(", ")]);
  if (info.predictors.length > 0) rows.push(["predictors", `of ${info.predictors.length} blocks, checked and not used`]);
  rows.push(
    ["memory", `weights ${bytesText(memory.weights)}, KV cache of a full context ${bytesText(memory.cache)} (f32)`],
    [
      "runs on",
      `CPU (${callingSync((addon) => addon.cpu)}), ${model.threads} ${model.threads === 1 ? "thread" : "threads"}, layout mmap`,
    ],
  );
  return rows;
}

export function modelText(model: Model): string {
  return `Model ${model.name}: ${facts(model)
    .map(([name, value]) => `${name} ${value}`)
    .join("; ")}`;
}

export function modelHtml(model: Model): string {
  const rows = facts(model).map(
    ([name, value]) => `<tr><td><b>${name}</b></td><td style="text-align:left">${htmlText(value)}</td></tr>`,
  );
  return `<div><b>${htmlText(model.name)}</b><table>${rows.join("")}</table></div>`;
}
