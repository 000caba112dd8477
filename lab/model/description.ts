/**
 * The description of a model, as facts with a value for programs and a text for people. `sparselab info` prints them all; a loaded model
 * shows some of them, and what its view adds.
 */
import { CPU, chooseDevice } from "../device.js";
import { LabError } from "../errors.js";
import { architecture, describeValue, modelName } from "../metadata.js";
import { callNativeSync, type FileTable, type NativeEstimate, type NativeModelInfo, type OpenedFile } from "../native.js";
import { perLayer } from "../policy/policy.js";
import { sequencePlan } from "../runtime/batch.js";
import { Weights } from "../runtime/weights.js";
import { bytesText } from "../text.js";
import { templateWords } from "../tokenizer/index.js";
import { type Activation, activationText, type ResolvedActivation, resolveActivation } from "./activation.js";
import { formOfDown } from "./down.js";
import { FileTokenizer } from "./file-tokenizer.js";
import { type Strategy, strategyOf, threadsOf } from "./options.js";

export interface Fact {
  /** Its name for programs. */
  readonly key: string;
  readonly value: unknown;
  /** Its name for people. */
  readonly label: string;
  readonly text: string;
}
export const fact = (key: string, value: unknown, text = String(value), label = key): Fact => ({ key, value, label, text });

/** Describes a model file. A file may hold only a vocabulary. */
export async function describeFile(opened: OpenedFile, option: Activation | undefined): Promise<readonly Fact[]> {
  const { table } = opened;
  const vocabularyOnly = table.tensors.length === 0 && table.metadata.has("tokenizer.ggml.tokens");
  const head = [fact("name", modelName(table)), fileFact(table), architectureFact(table), licenceFact(table)];
  if (vocabularyOnly)
    return [...head, fact("tensors", 0, "none: the file holds only a vocabulary"), tokenizerFact(new FileTokenizer(table))];

  const weights = await Weights.open(opened, CPU, formOfDown(table, option));
  weights.retain();
  try {
    const { info } = weights;
    const { resolved, undecided } = activationOf(table, info.layers, option);
    const kind = resolved?.kind ?? "silu";
    const strategy = strategyOf("auto", kind);
    const native = { activation: kind, t: perLayer(resolved?.t ?? 0, info.layers), strategy, interventions: [] };
    return [
      ...head,
      shapeFact(info),
      ...scalesFact(info),
      ropeFact(info),
      fact("output", info.tied ? "tied" : "own", info.tied ? "tied to the embedding" : "its own matrix"),
      weightsFact(info),
      downFact(info),
      resolved ? activationFact(resolved) : fact("activation", { name: null, undecided }, `undecided. ${undecided}`),
      resolved ? strategyFact("auto", resolved) : fact("strategy", strategy, "follows the activation"),
      predictorsFact(info),
      ...vocabSizeFact(table, info.vocab),
      tokenizerFact(new FileTokenizer(table)),
      memoryFact(
        info,
        callNativeSync((addon) =>
          addon.estimate(weights.native, sequencePlan(native, [], info.context, threadsOf(undefined)), 1, 1),
        ),
      ),
      cacheFact(
        info,
        (context) =>
          callNativeSync((addon) => addon.estimate(weights.native, sequencePlan(native, [], context, threadsOf(undefined)), 1, 1))
            .cacheBytes,
      ),
      await deviceFact(),
    ];
  } finally {
    weights.release();
  }
}

/** Where device "auto" would run it. */
async function deviceFact(): Promise<Fact> {
  const { name, why } = await chooseDevice();
  const cpu = `CPU (${callNativeSync((addon) => addon.cpu)})`;
  return fact("device", name, name === "cpu" ? `${cpu}; no GPU: ${why}` : `${name}, or ${cpu}`);
}

/** What the file says; its publisher may say more. */
function licenceFact(table: FileTable): Fact {
  const value = table.metadata.get("general.license");
  if (value === undefined) return fact("licence", null, "not named in the file");
  return fact("licence", value.type === "string" ? value.value : describeValue(value));
}

/** Lengths of a context for which the size of the KV cache is given: powers of two up to the model's own, and that. */
const contextsOf = (most: number): readonly number[] => [...[512, 2048, 8192, 32768].filter((length) => length < most), most];

function cacheFact(info: NativeModelInfo, cacheBytes: (context: number) => number): Fact {
  const sizes = contextsOf(info.context).map((context) => ({ context, bytes: cacheBytes(context) }));
  return fact(
    "cache",
    sizes,
    sizes.map(({ context, bytes }) => `${bytesText(bytes)} for ${context}`).join(", "),
    "KV by context",
  );
}

/** @param name the file as it is named in the text */
export const fileFact = (table: FileTable, name = table.path): Fact =>
  fact(
    "file",
    { path: table.path, magic: table.magic, version: table.version, bytes: table.fileBytes, parts: table.parts.length },
    `${table.magic} version ${table.version}, ${bytesText(table.fileBytes)}${table.parts.length > 1 ? ` in ${table.parts.length} parts` : ""}, ${name}`,
  );

export const architectureFact = (table: FileTable): Fact =>
  fact("architecture", architecture(table) || null, architecture(table) || "not named");

export function shapeFact(info: NativeModelInfo): Fact {
  const { layers, hidden, neurons, heads, kvHeads, headSize, vocab, context } = info;
  const kv = kvHeads === heads ? "" : ` (${kvHeads} for keys and values)`;
  return fact(
    "shape",
    { layers, hidden, neurons, heads, kvHeads, headSize, vocab, context },
    `${layers} layers, hidden ${hidden}, neurons ${neurons}, heads ${heads}${kv} of ${headSize}, vocabulary ${vocab}, context ${context}`,
  );
}

/** Rotary positions, and the windows of attention; a part for each kind of layer, where they differ. */
function ropeFact({ rope, layers, headSize }: NativeModelInfo): Fact {
  const text = rope.map(({ layers: count, base, channels, factor, yarn, frequencyFactors, window }) =>
    [
      `base ${base}`,
      ...(channels < headSize ? [`the first ${channels} channels of a head`] : []),
      ...(factor === 1 ? [] : [`positions scaled by 1/${shortNumber(factor)} (${yarn ? "yarn" : "linear"})`]),
      ...(frequencyFactors ? ["frequencies divided by rope_freqs"] : []),
      ...(window > 0 ? [`a window of the last ${window} positions`] : []),
      ...(rope.length > 1 ? [`in ${count} of ${layers} layers`] : []),
    ].join(", "),
  );
  return fact("rope", rope, text.join("; "));
}

/** What scales embeddings, residual stream and logits; "" where nothing does. */
export function scalesText({ scales: { embedding, residual, logits } }: NativeModelInfo): string {
  if (embedding === 1 && residual === 1 && logits === 1) return "";
  return `embeddings scaled by ${shortNumber(embedding)}, the residual stream by ${shortNumber(residual)}, logits by ${shortNumber(logits)}`;
}
const shortNumber = (value: number) => String(Number(value.toPrecision(4)));

/** A fact where something is scaled, as in minicpm and gemma3. */
export const scalesFact = (info: NativeModelInfo): readonly Fact[] =>
  scalesText(info) ? [fact("scales", info.scales, scalesText(info))] : [];

/** The weight types, the one with the most bytes first. */
export const weightTypes = (info: NativeModelInfo): (readonly [type: string, bytes: number])[] =>
  Object.entries(info.weightTypes).sort(([, a], [, b]) => b - a);

export function weightsFact(info: NativeModelInfo): Fact {
  const types = weightTypes(info);
  return fact("weights", Object.fromEntries(types), types.map(([type, bytes]) => `${type} ${bytesText(bytes)}`).join(", "));
}

/** How ffn_down lies: each way with the number of layers, where they differ. */
export function downFact({ down, layers }: NativeModelInfo): Fact {
  const ways: readonly (readonly [name: string, count: number, text: string])[] = [
    ["native", down.native, "by neuron, as in the file"],
    ["regrouped", down.regrouped, "by output in the file; regrouped by neuron without losing a bit"],
    ["stored", down.stored, "by output, as in the file, and computed in full by every strategy"],
  ];
  const found = ways.filter(([, count]) => count > 0);
  if (found.length === 1) return fact("down", found[0]![0], found[0]![2]);
  return fact(
    "down",
    Object.fromEntries(found.map(([name, count]) => [name, count])),
    found.map(([, count, text]) => `${count} of ${layers} layers ${text}`).join("; "),
  );
}

export const activationFact = (activation: ResolvedActivation): Fact => {
  const { name, t, from, source, overrules = null, notes } = activation;
  return fact(
    "activation",
    { name, t, from, source, overrules, notes },
    [activationText(activation).replace(/^activation /, ""), ...notes].join(". "),
  );
};

/** @param asked the option; for "auto" the text gives the rule */
export function strategyFact(asked: Strategy, { kind }: ResolvedActivation): Fact {
  const strategy = strategyOf(asked, kind);
  const rule = strategy === "exact" ? "exact for a ReLU-family activation" : "dense where neurons are never exactly zero";
  return fact("strategy", strategy, asked === "auto" ? `${strategy} (rule: ${rule})` : strategy);
}

export function predictorsFact({ predictors }: NativeModelInfo): Fact {
  const ranks = predictors.map(({ layer, rank }) => `${layer}:${rank}`).join(" ");
  return fact("predictors", predictors, ranks ? `ranks by layer ${ranks}; for strategy "predicted"` : "none");
}

/** @param estimate of a full context and one token, on as many threads as the model uses */
export function memoryFact(
  { mappedBytes, ownedBytes, deviceBytes: weightsOnDevice }: NativeModelInfo,
  { cacheBytes, scratchBytes, pinnedBytes, deviceBytes }: NativeEstimate,
): Fact {
  if (weightsOnDevice > 0)
    return fact(
      "memory",
      { weightsMapped: mappedBytes, weightsOnDevice, device: deviceBytes, pinned: pinnedBytes, scratch: scratchBytes },
      `weights ${bytesText(mappedBytes)} mapped and ${bytesText(weightsOnDevice)} on the device, KV cache of a full context and scratch ${bytesText(deviceBytes)} on the device, ${bytesText(pinnedBytes)} of pinned and ${bytesText(scratchBytes)} of other host memory`,
    );
  return fact(
    "memory",
    { weightsMapped: mappedBytes, weightsCopied: ownedBytes, cache: cacheBytes, scratch: scratchBytes },
    `weights ${bytesText(mappedBytes)} mapped and ${bytesText(ownedBytes)} copied, KV cache of a full context ${bytesText(cacheBytes)} (f32), scratch of one token ${bytesText(scratchBytes)}`,
  );
}

/** A file whose activation cannot be known is described all the same. */
function activationOf(
  table: FileTable,
  layers: number,
  option: Activation | undefined,
): { resolved?: ResolvedActivation; undecided?: string } {
  try {
    return { resolved: resolveActivation(table, layers, option) };
  } catch (error) {
    if (option === undefined && error instanceof LabError && error.code === "invalid-option") return { undecided: error.message };
    throw error;
  }
}

/** The key that llama.cpp reads only in files without a vocabulary; here the rows of the embedding count. */
function vocabSizeFact(table: FileTable, rows: number): Fact[] {
  const key = `${architecture(table)}.vocab_size`;
  const value = table.metadata.get(key);
  if (value === undefined) return [];
  const found =
    value.type !== "unread" && ["number", "bigint"].includes(typeof value.value) ? Number(value.value) : describeValue(value);
  if (found === rows) return [];
  return [fact("vocabSize", found, `key ${key} says ${found}; the embedding has ${rows} rows, which count`, "vocab_size")];
}

function tokenizerFact(fileTokenizer: FileTokenizer): Fact {
  const { model } = fileTokenizer;
  if (model === undefined) return fact("tokenizer", null, "none: the model takes token ids only");
  const kind = model.type === "string" ? model.value : describeValue(model);
  const { fault } = fileTokenizer;
  if (fault?.code === "unsupported-model")
    return fact("tokenizer", { kind, supported: false }, `not supported, so the model takes token ids only: ${fault.message}`);
  if (fault)
    return fact(
      "tokenizer",
      { kind, supported: true, fault: fault.message },
      `broken, so the model takes token ids only: ${fault.message}`,
    );
  const { kind: name, preTokenizer, size, bos, eos, addsBos, addsEos } = fileTokenizer.tokenizer;
  const { chatTemplate } = fileTokenizer;
  const words = templateWords(fileTokenizer.tokenizer);
  const written =
    words.length > 0 ? `, which writes ${words.map(({ text, token }) => `${text.trim()} (${token})`).join(" ")}` : "";
  return fact(
    "tokenizer",
    { kind, supported: true, preTokenizer, size, bos, eos, addsBos, addsEos, chatTemplate, templateWords: words },
    `${name}${preTokenizer ? `, pre-tokenizer ${preTokenizer}` : ""}, ${size} pieces, BOS ${bos ?? "none"} (${addsBos ? "added" : "not added"}), EOS ${eos ?? "none"}${addsEos ? " (added)" : ""}, chat template ${chatTemplate ? "yes" : "no"}${written}`,
  );
}
