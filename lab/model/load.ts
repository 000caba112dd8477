/** `load`: from a file to a model, with the summary that says what is in force and why. */
import { resolve } from "node:path";
import { notebook } from "../display.js";
import { LabError } from "../errors.js";
import { calling, type FileTable } from "../native.js";
import { checkPolicy, type Policy, policyText } from "../policy/policy.js";
import { refusePromise } from "../promised.js";
import { activationText, resolveActivation } from "./activation.js";
import { type Model, view } from "./model.js";
import { checkLoadOptions, contextOf, type LoadOptions, threadsOf } from "./options.js";
import { throwIfAborted, untilAborted } from "./queue.js";
import type { Setting } from "./setting.js";
import { Weights } from "./weights.js";

/**
 * Opens a model file, or the bundled model: `load(tinyWorld)`. Loading a file again shares its weights. Prints one line: the name, the
 * activation and where it comes from, the strategy. The model itself, as a cell's last value, shows the rest.
 * @param path relative to the notebook's folder
 * @defaultValue `activation`: that of the file; `policy`: as-trained; `strategy`: "auto"; `context`: the file's own; `threads`: those of
 * the machine; `signal`: the running cell's stop button; `quiet`: false
 * @throws LabError bad-file, unsupported-model, unsupported-type, invalid-option, out-of-memory, aborted
 * @example
 * const model = await load(tinyWorld);
 * const relu = await load("models/prosparse.gguf", { activation: "fatrelu_0.01", quiet: true });
 */
export async function load(path: string, options: LoadOptions = {}): Promise<Model> {
  const { model, summary } = await loadQuietly(path, options);
  if (!options.quiet) console.log(summary);
  return model;
}

/** The same without printing, for programs that write their own output. */
export async function loadQuietly(
  path: string,
  options: LoadOptions = {},
): Promise<{ readonly model: Model; readonly summary: string }> {
  refusePromise("load", path);
  if (typeof path !== "string" || path === "")
    throw new LabError("invalid-option", `load needs the path of a model file, received ${JSON.stringify(path)}`);
  checkLoadOptions(options);
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
    const setting: Setting = { activation, policy, strategy: options.strategy ?? "auto", interventions: Object.freeze([]) };
    const model = view(weights, setting, { context: contextOf(options.context, weights.info.context), threads });
    options.onProgress?.(1);
    return { model, summary: summaryOf(model, setting) };
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

/** The model's line: its name, the activation with its origin, the strategy. The rest stands in the model's own table. */
function summaryOf(model: Model, { activation, policy }: Setting): string {
  const changed = policy.kind === "as-trained" ? "" : `, policy ${policyText(policy)}`;
  return `${model.name}: ${activationText(activation)}${changed}, strategy ${model.strategy}`;
}
