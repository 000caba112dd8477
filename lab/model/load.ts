/** `load`: opens a model file, and prints which activation and strategy are used and why. */
import { throwIfAborted, untilAborted } from "../abort.js";
import { chooseDevice } from "../device.js";
import { notebook } from "../display.js";
import { LabError } from "../errors.js";
import type { Loose } from "../literals.js";
import {
  type Arithmetic,
  callNative,
  callNativeSync,
  type FileTable,
  type NativeAddon,
  type NativeModelInfo,
  type OpenedFile,
} from "../native.js";
import { checkPolicy, type LoosePolicy, type PerLayer, type Policy, policyText } from "../policy/policy.js";
import { refusePromise } from "../promised.js";
import { Weights } from "../runtime/weights.js";
import { type Activation, activationText, resolveActivation } from "./activation.js";
import { cutoffText, resolveCutoff } from "./cutoff.js";
import { scalesText } from "./description.js";
import { formOfDown } from "./down.js";
import { FileTokenizer } from "./file-tokenizer.js";
import { noInterventions } from "./interventions.js";
import type { Model } from "./model.js";
import { checkLoadOptions, contextOf, type DeviceName, type LoadOptions, type Strategy, threadsOf } from "./options.js";
import { missingFile, modelPath, withFetch } from "./path.js";
import type { Setting } from "./setting.js";
import { View } from "./view.js";

/**
 * Opens a model file, or the bundled model: `load(tinyWorld)`. Loading a file again shares its weights. Prints one line: the name, the
 * activation and where it comes from, the strategy. The model, shown as a cell's last value, has the rest.
 * @param path relative to the notebook's folder; of a split model the first part (`NAME-00001-of-00003.gguf`), with the others beside it
 * @defaultValue `activation`: that of the file; `policy`: as-trained; `strategy`: "auto"; `context`: the file's own; `threads`: those of
 * the machine; `signal`: the running cell's stop button; `quiet`: false
 * @throws LabError bad-file, unsupported-model, unsupported-type, invalid-option, out-of-memory, aborted
 * @example
 * const model = await load(tinyWorld);
 * const relu = await load("models/prosparse.gguf", { activation: "fatrelu_0.01", quiet: true });
 */
export async function load<
  const A extends Loose<Activation> = Activation,
  P extends LoosePolicy = Policy,
  const S extends Loose<Strategy> = Strategy,
  const D extends Loose<DeviceName> = DeviceName,
  const L extends Loose<"mmap"> = "mmap",
  const R extends Loose<"float"> = "float",
  const K extends Loose<"f32"> = "f32",
>(path: string, options?: LoadOptions<A, P, S, D, L, R, K>): Promise<Model> {
  const { model, summary } = await loadQuietly(path, options as LoadOptions | undefined);
  if (!(options as LoadOptions | undefined)?.quiet) console.log(summary);
  return model;
}

/** `load` without printing, for programs that write their own output. */
export async function loadQuietly(
  path: string,
  given: LoadOptions = {},
): Promise<{ readonly model: Model; readonly summary: string }> {
  refusePromise("load", path);
  const file = modelPath(path);
  const options = checkLoadOptions(given);
  const threads = threadsOf(options.threads);
  const policy: Policy = options.policy === undefined ? { kind: "as-trained" } : checkPolicy(options.policy);
  const signal = options.signal ?? notebook()?.signal();
  throwIfAborted(signal);
  options.onProgress?.(0);

  const weights = await openWeights(file, options, signal);
  const { table } = weights;
  try {
    throwIfAborted(signal);
    const activation = resolveActivation(table, weights.info.layers, options.activation);
    const cutoff = resolveCutoff(table, weights.info.layers, options.cutoff as PerLayer | undefined);
    const strategy = options.strategy ?? "auto";
    const kv = options.kv === "f16" ? { kv: options.kv } : {};
    if (options.arithmetic === "int8" && weights.device.backend !== "cpu")
      throw new LabError(
        "invalid-option",
        'arithmetic "int8" is the CPU\'s; load the model with { device: "cpu" }, or leave it out',
      );
    const arithmetic = options.arithmetic === "int8" ? int8For(weights.info) : {};
    const setting: Setting = { activation, policy, strategy, cutoff, interventions: noInterventions, ...kv, ...arithmetic };
    const fileTokenizer = new FileTokenizer(table);
    await fileTokenizer.prepare(signal);
    const model = new View(weights, fileTokenizer, setting, {
      context: contextOf(options.context, weights.info.context),
      threads,
    });
    options.onProgress?.(1);
    return { model, summary: summaryOf(model, setting, weights) };
  } finally {
    weights.release();
  }
}

/** Opens a model file, which the caller closes. The error for a missing file names the nearest one. */
export const openFile = (path: string): Promise<OpenedFile> => opening(path, (addon) => addon.openFile(path));
export const closeFile = ({ file }: OpenedFile): void => callNativeSync((addon) => addon.closeFile(file));
/** Reads the header alone. */
export const readHeader = (path: string): Promise<FileTable> => opening(path, (addon) => addon.readHeader(path));

async function opening<T>(path: string, open: (addon: NativeAddon) => Promise<T>): Promise<T> {
  try {
    return await callNative(open);
  } catch (error) {
    throw (await missingFile(path)) ?? withFetch(path, error);
  }
}

/**
 * Opens the file once: header and weights come from the same descriptor. A stop ends the waiting at once, though opening a file on a slow
 * disk and copying weights go on; their results are closed when they arrive.
 */
async function openWeights(path: string, options: LoadOptions, signal: AbortSignal | undefined): Promise<Weights> {
  const file = await orClosed(openFile(path), closeFile, signal);
  try {
    const down = formOfDown(file.table, options.activation, options.strategy, options.arithmetic as Arithmetic | undefined);
    const device = await untilAborted(chooseDevice(options.device), signal);
    const weights = Weights.open(file, device, down, options.scales, options.arithmetic === "int8").then((made) => {
      made.retain();
      return made;
    });
    return await orClosed(weights, (late) => late.release(), signal);
  } finally {
    closeFile(file);
  }
}

/** `promise`, or `aborted` as soon as the signal says so; then the late result goes to `close`. */
async function orClosed<T>(promise: Promise<T>, close: (late: T) => void, signal: AbortSignal | undefined): Promise<T> {
  try {
    return await untilAborted(promise, signal);
  } catch (error) {
    promise.then(close, () => undefined);
    throw error;
  }
}

/** Weight types whose products stay float under arithmetic "int8". */
const FLOATS = ["F32", "F16", "BF16"];

/** @throws invalid-option where int8 would change nothing */
function int8For({ weightTypes }: NativeModelInfo): { readonly arithmetic: "int8" } {
  const types = Object.keys(weightTypes);
  if (types.some((type) => !FLOATS.includes(type))) return { arithmetic: "int8" };
  throw new LabError(
    "invalid-option",
    `arithmetic "int8" is for quantised weights, and all of this file's are ${types.join(" and ")}, which stay float: leave the option out`,
  );
}

/** One line: the name, the activation with its origin, the strategy, and what it cannot skip. The model's display has the rest. */
function summaryOf(model: Model, { activation, policy, cutoff, arithmetic }: Setting, weights: Weights): string {
  const changed = policy.kind === "as-trained" ? "" : `, policy ${policyText(policy)}`;
  const by = model.strategy === "predicted" ? ` (approximate), ${cutoffText(cutoff)}` : "";
  const scaled = scalesText(weights.info);
  const inFull = model.strategy === "dense" || arithmetic ? "" : downInFull(weights);
  const int8 = arithmetic ? `arithmetic ${arithmetic}, with ffn_down computed in full` : "";
  const where = weights.device.backend === "cpu" ? "" : `on ${weights.device.name}`;
  const more = [scaled, inFull, int8, where].filter(Boolean).map((text) => `; ${text}`);
  return `${model.name}: ${activationText(activation)}${changed}, strategy ${model.strategy}${by}${more.join("")}`;
}

/** Which layers have a down whose silent neurons cannot be skipped; "" where there are none. */
function downInFull({ info, table }: Weights): string {
  if (info.down.stored === 0) return "";
  const downs = table.tensors.filter(({ name }) => name.endsWith(".ffn_down.weight"));
  const types = [...new Set(downs.map(({ type }) => type))].filter((type) => type.endsWith("_K"));
  const where = info.down.stored === info.layers ? "" : ` of ${info.down.stored} of ${info.layers} layers`;
  return `ffn_down${where} is stored as ${types.join(" and ")}, whose blocks hold many neurons: it is computed in full, with the same bits`;
}
