/** How a model shows itself as a cell's last value: its shape and what is in force, in a line of text or a small table. */
import { bytesText } from "../errors.js";
import { policyText } from "../policy/policy.js";
import { insideOf, type Model } from "./model.js";

function facts(model: Model): [string, string][] {
  const { weights, cache } = model.memory;
  const rows: [string, string][] = [
    [
      "shape",
      `${model.layers} blocks, hidden ${model.hidden}, neurons ${model.neurons}, heads ${model.heads}, vocabulary ${model.vocab}, context ${model.context}`,
    ],
    ["activation", `${model.activation.name} (from the ${model.activation.from})`],
    ["policy", policyText(model.policy)],
    ["strategy", model.strategy],
    ["memory", `weights ${bytesText(weights)}, KV cache of a full context ${bytesText(cache)}`],
  ];
  const { names } = insideOf(model).setting.interventions;
  if (names.length > 0) rows.splice(4, 0, ["interventions", names.join(", ")]);
  return rows;
}

export function modelText(model: Model): string {
  return `Model ${model.name}: ${facts(model)
    .map(([name, value]) => `${name} ${value}`)
    .join("; ")}`;
}

const escaped = (text: string) => text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]!);
export function modelHtml(model: Model): string {
  const rows = facts(model).map(
    ([name, value]) => `<tr><td><b>${name}</b></td><td style="text-align:left">${escaped(value)}</td></tr>`,
  );
  return `<div><b>${escaped(model.name)}</b><table>${rows.join("")}</table></div>`;
}
