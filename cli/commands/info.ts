/** `sparselab info`: what a file is. Of a file that holds only a vocabulary it tells the vocabulary. */
import { LabError } from "../../lab/errors.js";
import { architecture, describeValue, modelName, number } from "../../lab/metadata.js";
import { type Activation, activationText, type ResolvedActivation, resolveActivation } from "../../lab/model/activation.js";
import { openFile } from "../../lab/model/load.js";
import { strategyOf } from "../../lab/model/options.js";
import { modelPath } from "../../lab/model/path.js";
import { callingSync, type FileTable, type OpenedFile } from "../../lab/native.js";
import { perLayer } from "../../lab/policy/policy.js";
import { sequencePlan } from "../../lab/runtime/batch.js";
import { Weights } from "../../lab/runtime/weights.js";
import { bytesText } from "../../lab/text.js";
import { createTokenizer, type Tokenizer } from "../../lab/tokenizer/index.js";
import { type Command, parse } from "../arguments.js";
import { loadOptions, print, printJson } from "../model.js";

const help = `usage: sparselab info FILE [--activation NAME] [--json]

Container and architecture, shapes, weight types, the activation and where it comes from, predictors, tokenizer, memory.

  --activation NAME   what the file would compute with this option`;

export const info: Command = {
  about: "what a model file is",
  help,
  async run(args) {
    const { values, positionals } = parse(args, { activation: { type: "string" } }, ["FILE"]);
    const { activation } = loadOptions(values);
    const opened = await openFile(modelPath(positionals[0]));
    const { table } = opened;
    let found: Fact[];
    try {
      const vocabularyOnly = table.tensors.length === 0 && table.metadata.has("tokenizer.ggml.tokens") && !isPart(table);
      found = vocabularyOnly ? fileFacts(table) : await modelFacts(opened, activation);
    } finally {
      callingSync((addon) => addon.closeFile(opened.file));
    }
    if (values.json) printJson(Object.fromEntries(found.map(({ key, value }) => [key, value])));
    else {
      const width = Math.max(...found.map(({ label }) => label.length));
      for (const { label, said } of found) print(`${label.padEnd(width)}  ${said}`);
    }
  },
};

interface Fact {
  /** In --json. */
  readonly key: string;
  readonly value: unknown;
  readonly label: string;
  readonly said: string;
}
const fact = (key: string, value: unknown, said = String(value), label = key): Fact => ({ key, value, label, said });

function fileFacts(table: FileTable): Fact[] {
  const facts = [
    fact("name", modelName(table)),
    fact(
      "file",
      { path: table.path, magic: table.magic, version: table.version, bytes: table.fileBytes },
      `${table.magic} version ${table.version}, ${bytesText(table.fileBytes)}, ${table.path}`,
    ),
    fact("architecture", architecture(table) || null, architecture(table) || "not named"),
  ];
  if (table.tensors.length === 0) facts.push(fact("tensors", 0, "none: the file holds only a vocabulary"));
  return [...facts, tokenizerFact(table)];
}

async function modelFacts(opened: OpenedFile, option: Activation | undefined): Promise<Fact[]> {
  const { table } = opened;
  const weights = await Weights.open(opened);
  weights.retain();
  try {
    const { info: shape } = weights;
    const [file, ...rest] = fileFacts(table);
    const tokenizer = rest.pop()!;
    const types = Object.entries(shape.weightTypes).sort(([, a], [, b]) => b - a);
    const { resolved, undecided } = activationOf(table, shape.layers, option);
    const kind = resolved?.kind ?? "silu";
    const setting = {
      activation: kind,
      t: perLayer(resolved?.t ?? 0, shape.layers),
      strategy: strategyOf("auto", kind),
      interventions: [],
    };
    const { cacheBytes, scratchBytes } = callingSync((addon) =>
      addon.estimate(weights.native, sequencePlan(setting, [], shape.context, 1), 1, 1),
    );
    const ranks = shape.predictors.map(({ layer, rank }) => `${layer}:${rank}`).join(" ");
    const memory = {
      weightsMapped: shape.mappedBytes,
      weightsCopied: shape.ownedBytes,
      cache: cacheBytes,
      scratch: scratchBytes,
    };
    return [
      file!,
      ...rest,
      fact(
        "shape",
        {
          layers: shape.layers,
          hidden: shape.hidden,
          neurons: shape.neurons,
          heads: shape.heads,
          kvHeads: shape.kvHeads,
          headSize: shape.headSize,
          vocab: shape.vocab,
          context: shape.context,
        },
        `${shape.layers} blocks, hidden ${shape.hidden}, neurons ${shape.neurons}, heads ${shape.heads} (${shape.kvHeads} for keys and values) of ${shape.headSize}, vocabulary ${shape.vocab}, context ${shape.context}`,
      ),
      fact("rope", { base: shape.ropeBase }, `base ${shape.ropeBase}`),
      fact("output", shape.tied ? "tied" : "own", shape.tied ? "tied to the embedding" : "a matrix of its own"),
      fact("weights", Object.fromEntries(types), types.map(([type, bytes]) => `${type} ${bytesText(bytes)}`).join(", ")),
      fact(
        "down",
        shape.down,
        shape.down === "native" ? "by neuron, as in the file" : "by output; regrouped by neuron at load without losing a bit",
      ),
      fact(
        "activation",
        resolved
          ? {
              name: resolved.name,
              t: resolved.t,
              from: resolved.from,
              source: resolved.source,
              overrules: resolved.overrules ?? null,
              notes: resolved.notes,
            }
          : { name: null, undecided },
        resolved
          ? [activationText(resolved).replace(/^activation /, ""), ...resolved.notes].join(". ")
          : `undecided. ${undecided}`,
      ),
      fact(
        "strategy",
        strategyOf("auto", kind),
        resolved ? `${strategyOf("auto", kind)} by the rule of auto` : "follows the activation",
      ),
      fact("predictors", shape.predictors, ranks ? `ranks by block ${ranks}; checked, not used yet` : "none"),
      ...vocabSizeFact(table, shape.vocab),
      tokenizer,
      fact(
        "memory",
        memory,
        `weights ${bytesText(shape.mappedBytes)} mapped and ${bytesText(shape.ownedBytes)} copied, KV cache of a full context ${bytesText(cacheBytes)}, scratch of one token ${bytesText(scratchBytes)}`,
      ),
    ];
  } finally {
    weights.release();
  }
}

/** A file whose activation cannot be known is still told about. */
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

/** A part of a split file, of which the first may hold no tensors: opening it says what to do. */
const isPart = (table: FileTable): boolean => (number(table, "split.count") ?? 1) > 1;

/** The key that llama.cpp reads only where there is no vocabulary; the rows of the embedding are what counts. */
function vocabSizeFact(table: FileTable, rows: number): Fact[] {
  const key = `${architecture(table)}.vocab_size`;
  const value = table.metadata.get(key);
  if (value === undefined) return [];
  const said =
    value.type !== "unread" && ["number", "bigint"].includes(typeof value.value) ? Number(value.value) : describeValue(value);
  if (said === rows) return [];
  return [fact("vocabSize", said, `key ${key} says ${said}; the embedding has ${rows} rows, which is what counts`, "vocab_size")];
}

function tokenizerFact(table: FileTable): Fact {
  const model = table.metadata.get("tokenizer.ggml.model");
  if (model === undefined) return fact("tokenizer", null, "none: the model takes token ids only");
  const kind = model.type === "string" ? model.value : describeValue(model);
  if (kind !== "llama")
    return fact("tokenizer", { kind, supported: false }, `"${kind}", which is not supported; the model takes token ids only`);
  let tokenizer: Tokenizer;
  try {
    tokenizer = createTokenizer(table);
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    return fact(
      "tokenizer",
      { kind, supported: true, fault: error.message },
      `SentencePiece, broken, so the model takes token ids only: ${error.message}`,
    );
  }
  const { size, bos, eos, addsBos, addsEos } = tokenizer;
  const template = table.metadata.has("tokenizer.chat_template");
  return fact(
    "tokenizer",
    { kind, supported: true, size, bos, eos, addsBos, addsEos, chatTemplate: template },
    `SentencePiece, ${size} pieces, BOS ${bos ?? "none"} (${addsBos ? "added" : "not added"}), EOS ${eos ?? "none"}${addsEos ? " (added)" : ""}, chat template ${template ? "yes" : "no"}`,
  );
}
