/** `load`: from a file to a model, with the summary that says what is in force and why. */
import { resolve } from "node:path";
import { notebook } from "../display.js";
import { bytesText, LabError } from "../errors.js";
import { calling, callingSync, type FileTable } from "../native.js";
import { checkPolicy, type Policy, policyText } from "../policy/policy.js";
import { received } from "../received.js";
import { type ResolvedActivation, resolveActivation } from "./activation.js";
import { noInterventions } from "./interventions.js";
import { modelName } from "./metadata.js";
import { type Model, view } from "./model.js";
import { checkLoadOptions, contextOf, type LoadOptions, strategyOf, threadsOf } from "./options.js";
import { throwIfAborted, untilAborted } from "./queue.js";
import type { Setting } from "./setting.js";
import { Weights } from "./weights.js";

/**
 * A path (relative to the notebook's folder), or the bundled model: `load(tinyWorld)`. Loading a file again shares its weights. Prints one
 * paragraph: the file, what is in force and where it came from, and the memory.
 * @throws LabError bad-file, unsupported-model, unsupported-type, invalid-option, out-of-memory, aborted
 */
export async function load(path: string, options: LoadOptions = {}): Promise<Model> {
  const { model, summary } = await loadQuietly(path, options);
  console.log(summary);
  return model;
}

/** The same without printing, for programs that write their own output. */
export async function loadQuietly(
  path: string,
  given: LoadOptions = {},
): Promise<{ readonly model: Model; readonly summary: string }> {
  if (typeof path !== "string" || path === "")
    throw new LabError("invalid-option", `load needs the path of a model file, received ${received(path)}`);
  const options = checkLoadOptions(given);
  const threads = threadsOf(options.threads);
  const policy: Policy = options.policy === undefined ? { kind: "as-trained" } : checkPolicy(options.policy);
  const signal = options.signal ?? notebook()?.signal();
  throwIfAborted(signal);
  options.onProgress?.(0);

  const table = await calling((addon) => addon.readHeader(resolve(path)));
  throwIfAborted(signal);
  const weights = await opened(table, signal);
  try {
    throwIfAborted(signal);
    const activation = resolveActivation(table, weights.info.layers, options.activation);
    const setting: Setting = { activation, policy, strategy: options.strategy ?? "auto", interventions: noInterventions };
    const model = view(weights, setting, { context: contextOf(options.context, weights.info.context), threads });
    options.onProgress?.(1);
    return { model, summary: summaryOf(model, weights, setting) };
  } finally {
    weights.release();
  }
}

/** Opening may copy the down projections, the longest part; who stops does not wait for its end, and what was opened is closed then. */
async function opened(table: FileTable, signal: AbortSignal | undefined): Promise<Weights> {
  const opening = Weights.open(table).then((weights) => {
    weights.retain();
    return weights;
  });
  try {
    return await untilAborted(opening, signal);
  } catch (error) {
    opening.then(
      (weights) => weights.release(),
      () => undefined,
    );
    throw error;
  }
}

/** The activation's line: what is in force, where it came from, what it overrules. */
export function activationText(activation: ResolvedActivation): string {
  const overrules = activation.overrules === undefined ? "" : `, which overrules ${activation.overrules}`;
  return `activation ${activation.name} (from ${activation.source}${overrules})`;
}

function summaryOf(model: Model, weights: Weights, setting: Setting): string {
  const { info, table } = weights;
  const { activation } = setting;
  const types = Object.entries(info.weightTypes)
    .sort(([, a], [, b]) => b - a)
    .map(([type, bytes]) => `${type} ${bytesText(bytes)}`);
  const down =
    info.down === "native" ? "down rows as in the file" : `down regrouped into rows without loss, ${bytesText(info.ownedBytes)}`;
  const strategy = strategyOf(setting.strategy, activation.kind);
  const rule =
    setting.strategy === "auto"
      ? ` (rule: ${strategy === "exact" ? "exact for a ReLU-family activation" : "dense where neurons are never exactly zero"})`
      : "";
  const predictors =
    info.predictors.length > 0 ? ` Predictors of ${info.predictors.length} blocks are in the file and not used.` : "";
  const policy = setting.policy.kind === "as-trained" ? "" : `, policy ${policyText(setting.policy)}`;
  const notes = activation.notes.map((note) => ` Note: ${note}.`).join("");
  const cpu = callingSync((addon) => addon.cpu);
  return (
    `${modelName(table)}: ${table.magic} ${info.architecture}, ${info.layers} blocks, hidden ${info.hidden}, ${info.neurons} neurons, ${info.heads} heads` +
    `${info.kvHeads === info.heads ? "" : ` (${info.kvHeads} for keys and values)`}, vocabulary ${info.vocab}, context ${model.context}; weights ${types.join(", ")}; ` +
    `${activationText(activation)}${policy}; strategy ${strategy}${rule}; CPU ${cpu}, ${model.threads} ${model.threads === 1 ? "thread" : "threads"}, layout mmap, ${down}; ` +
    `memory ${bytesText(model.memory.weights)} of weights and ${bytesText(model.memory.cache)} of KV cache (f32) at full context.${predictors}${notes}`
  );
}
