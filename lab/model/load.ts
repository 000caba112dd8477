/** `load`: from a file to a model, with the summary that says what is in force and why. */
import { notebook } from "../display.js";
import { bytesText } from "../errors.js";
import { calling, callingSync, type FileTable, type NativeAddon, type OpenedFile } from "../native.js";
import { checkPolicy, type Policy, policyText } from "../policy/policy.js";
import { type ResolvedActivation, resolveActivation } from "./activation.js";
import { noInterventions } from "./interventions.js";
import { modelName } from "./metadata.js";
import { type Model, view } from "./model.js";
import { checkLoadOptions, contextOf, type LoadOptions, strategyOf, threadsOf } from "./options.js";
import { missingFile, modelPath } from "./path.js";
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
  const file = modelPath(path);
  const options = checkLoadOptions(given);
  const threads = threadsOf(options.threads);
  const policy: Policy = options.policy === undefined ? { kind: "as-trained" } : checkPolicy(options.policy);
  const signal = options.signal ?? notebook()?.signal();
  throwIfAborted(signal);
  options.onProgress?.(0);

  const weights = await opened(file, signal);
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

/** Opens a model file, which the caller closes; a file that is not there is told with the nearest that is. */
export const openFile = (path: string): Promise<OpenedFile> => found(path, (addon) => addon.openFile(path));
/** The header alone. */
export const readHeader = (path: string): Promise<FileTable> => found(path, (addon) => addon.readHeader(path));

async function found<T>(path: string, open: (addon: NativeAddon) => Promise<T>): Promise<T> {
  try {
    return await calling(open);
  } catch (error) {
    throw (await missingFile(path)) ?? error;
  }
}

/**
 * Opens the file once; header and weights are those of this descriptor. Who stops waits for nothing: opening a file may take long where
 * the disk is far away, and the weights may have to be copied. What comes too late is closed.
 */
async function opened(path: string, signal: AbortSignal | undefined): Promise<Weights> {
  const opening = openFile(path);
  const close = (late: OpenedFile) => callingSync((addon) => addon.closeFile(late.file));
  const file = await orClosed(opening, close, signal);
  try {
    const weights = Weights.open(file).then((made) => {
      made.retain();
      return made;
    });
    return await orClosed(weights, (late) => late.release(), signal);
  } finally {
    close(file);
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
