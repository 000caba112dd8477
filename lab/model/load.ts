/** `load`: from a file to a model, with the summary that says what is in force and why. */
import { resolve } from "node:path";
import { notebook } from "../display.js";
import { bytesText, LabError } from "../errors.js";
import type { Loose } from "../literals.js";
import { calling, callingSync, type OpenedFile } from "../native.js";
import { checkPolicy, type LoosePolicy, type Policy, policyText } from "../policy/policy.js";
import { received } from "../received.js";
import { type Activation, type ResolvedActivation, resolveActivation } from "./activation.js";
import { noInterventions } from "./interventions.js";
import { modelName } from "./metadata.js";
import { type Model, view } from "./model.js";
import { checkLoadOptions, contextOf, type LoadOptions, type Strategy, strategyOf, threadsOf } from "./options.js";
import { throwIfAborted, untilAborted } from "./queue.js";
import type { Setting } from "./setting.js";
import { Weights } from "./weights.js";

/**
 * A path (relative to the notebook's folder), or the bundled model: `load(tinyWorld)`. Loading a file again shares its weights. Prints one
 * paragraph: the file, what is in force and where it came from, and the memory.
 * @throws LabError bad-file, unsupported-model, unsupported-type, invalid-option, out-of-memory, aborted
 */
export async function load<
  const A extends Loose<Activation> = Activation,
  P extends LoosePolicy = Policy,
  const S extends Loose<Strategy> = Strategy,
  const D extends Loose<"auto" | "cpu"> = "auto" | "cpu",
  const L extends Loose<"mmap"> = "mmap",
  const R extends Loose<"float"> = "float",
  const K extends Loose<"f32"> = "f32",
>(path: string, options?: LoadOptions<A, P, S, D, L, R, K>): Promise<Model> {
  const { model, summary } = await loadQuietly(path, options as LoadOptions | undefined);
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

  const weights = await opened(path, signal);
  const { table } = weights;
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

/**
 * Opens the file once; header and weights are those of this descriptor. Who stops waits for nothing: opening a file may take long where
 * the disk is far away, and the weights may have to be copied. What comes too late is closed.
 */
async function opened(path: string, signal: AbortSignal | undefined): Promise<Weights> {
  const opening = calling((addon) => addon.openFile(resolve(path)));
  const close = ({ file }: OpenedFile) => callingSync((addon) => addon.closeFile(file));
  const found = await orClosed(opening, close, signal);
  try {
    const weights = Weights.open(found).then((made) => {
      made.retain();
      return made;
    });
    return await orClosed(weights, (late) => late.release(), signal);
  } finally {
    close(found);
  }
}

/** `promise`, or `aborted` as soon as the signal says so: then `close` gets what comes of the promise later. */
async function orClosed<T>(promise: Promise<T>, close: (late: T) => void, signal: AbortSignal | undefined): Promise<T> {
  try {
    return await untilAborted(promise, signal);
  } catch (error) {
    promise.then(close, () => undefined);
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
