/**
 * View: the class behind `Model`. A view is a setting (policy, strategy, interventions) over weights that are counted by reference, so two
 * settings can be compared in one line, and a change never affects another view.
 */
import { checkFunction, checkSignal } from "../check.js";
import { displaySymbol, type MimeBundle, notebook } from "../display.js";
import { checkOptions, LabError, nearest } from "../errors.js";
import { hookPoints } from "../hooks.js";
import { modelName } from "../metadata.js";
import { callNative, callNativeSync, type NativeSetting } from "../native.js";
import { checkPolicy, type LoosePolicy } from "../policy/policy.js";
import { received } from "../received.js";
import { sequencePlan } from "../runtime/batch.js";
import { reserve } from "../runtime/memory.js";
import { type LogitRows, prefill, prefillNeeds, reservePrefill } from "../runtime/prefill.js";
import { Program } from "../runtime/program.js";
import { sideBySide, sideBySideNeeds } from "../runtime/side-by-side.js";
import type { Weights } from "../runtime/weights.js";
import { type Tensor, tensor } from "../tensor.js";
import { parseCaptures } from "./cache.js";
import { modelHtml, modelText } from "./display.js";
import type { FileTokenizer } from "./file-tokenizer.js";
import { checkWrites, generation } from "./generate.js";
import type { GenerateOptions, Generation } from "./generation.js";
import { internalsOf, isLive, register, unregister } from "./internals.js";
import { type LooseIntervention, takeInterventions } from "./interventions.js";
import type { BatchOptions, Change, Model, RunOptions } from "./model.js";
import { checkChoice, refusePlanned, strategyOf, takeCutoff } from "./options.js";
import { type Prompt, type PromptContext, promptTokens } from "./prompt.js";
import { type Run, runOf } from "./run.js";
import { nativeSetting, type Setting } from "./setting.js";
import { checkWeightName } from "./weight-name.js";

const rows: readonly LogitRows[] = ["all", "last", "none"];
function logitRows(given: string | undefined): LogitRows {
  if (given === undefined) return "all";
  if ((rows as readonly string[]).includes(given)) return given as LogitRows;
  const near = typeof given === "string" ? nearest(given, rows) : undefined;
  const hint = near ? `. Did you mean "${near}"?` : "";
  throw new LabError("invalid-option", `logits must be "all", "last" or "none", received ${received(given)}${hint}`);
}

/** Warnings given, by weights: each is given once, in a notebook once in each cell. */
const warned = new WeakMap<Weights, { readonly cell: string; readonly messages: Set<string> }>();
function warnOnce(weights: Weights, message: string): void {
  const cell = notebook()?.cell() ?? "";
  const before = warned.get(weights);
  const known = before?.cell === cell ? before : { cell, messages: new Set<string>() };
  if (known.messages.has(message)) return;
  known.messages.add(message);
  warned.set(weights, known);
  console.warn(`sparselab: ${message}`);
}

export interface ViewOptions {
  readonly context: number;
  readonly threads: number;
}

export class View implements Model {
  readonly #weights: Weights;
  readonly #fileTokenizer: FileTokenizer;
  readonly #setting: Setting;
  readonly #native: NativeSetting;
  readonly context: number;
  readonly threads: number;

  constructor(weights: Weights, fileTokenizer: FileTokenizer, setting: Setting, options: ViewOptions) {
    this.#weights = weights;
    this.#fileTokenizer = fileTokenizer;
    this.#setting = setting;
    this.#native = nativeSetting(setting, weights.info);
    this.context = options.context;
    this.threads = options.threads;
    register({ view: this, weights, fileTokenizer, setting, native: this.#native, ...options });
  }

  get name() {
    return modelName(this.#weights.table);
  }
  get path() {
    return this.#weights.table.path;
  }
  get layers() {
    return this.#weights.info.layers;
  }
  get hidden() {
    return this.#weights.info.hidden;
  }
  get neurons() {
    return this.#weights.info.neurons;
  }
  get heads() {
    return this.#weights.info.heads;
  }
  get vocab() {
    return this.#weights.info.vocab;
  }
  get activation() {
    const { name, t, from } = this.#setting.activation;
    return { name, t, from };
  }
  get policy() {
    return this.#setting.policy;
  }
  get strategy() {
    return strategyOf(this.#setting.strategy, this.#setting.activation.kind);
  }
  get cutoff() {
    return this.strategy === "predicted" ? this.#setting.cutoff.value : null;
  }
  get interventions() {
    return this.#setting.interventions.list();
  }
  get predictors() {
    return this.#weights.info.predictors.map((one) => Object.freeze({ ...one }));
  }
  get memory() {
    internalsOf(this);
    const { info, native } = this.#weights;
    const plan = sequencePlan(this.#native, [], this.context, this.threads);
    const { cacheBytes, scratchBytes, pinnedBytes, deviceBytes } = callNativeSync((addon) => addon.estimate(native, plan, 1, 1));
    return {
      weights: info.mappedBytes + info.ownedBytes,
      cache: cacheBytes,
      scratch: scratchBytes,
      pinned: info.pinnedBytes + pinnedBytes,
      device: info.deviceBytes + deviceBytes,
    };
  }
  get device() {
    return this.#weights.device.name;
  }
  get hookPoints() {
    return hookPoints(this.#weights.info);
  }
  get tokenizer() {
    return this.#fileTokenizer.tokenizer;
  }

  with<P extends LoosePolicy, S extends string, I extends LooseIntervention>(given: Change<P, S, I>): Model {
    const change = given as unknown as Change;
    internalsOf(this);
    checkOptions("with", change ?? null, ["policy", "strategy", "interventions", "vram", "cutoff"]);
    refusePlanned(change);
    checkChoice("strategy", change.strategy);
    if (change.strategy !== undefined && strategyOf(change.strategy, this.#setting.activation.kind) !== "dense") {
      if (this.#weights.downLeftAsStored)
        throw new LabError(
          "invalid-option",
          `with: strategy "${change.strategy}" skips the silent neurons of ffn_down, and this model was loaded with it as stored, by output. Load the file with { strategy: "${change.strategy}" }: that model also runs with { strategy: "dense" }`,
        );
    }
    const strategy = change.strategy ?? this.#setting.strategy;
    const cutoff = takeCutoff(change.cutoff, strategy);
    const setting: Setting = {
      activation: this.#setting.activation,
      policy: change.policy === undefined ? this.#setting.policy : checkPolicy(change.policy),
      strategy,
      cutoff: cutoff === undefined ? this.#setting.cutoff : { value: cutoff, source: "your option" },
      ...(this.#setting.kv && { kv: this.#setting.kv }),
      ...(this.#setting.arithmetic && { arithmetic: this.#setting.arithmetic }),
      interventions:
        change.interventions === undefined
          ? this.#setting.interventions
          : takeInterventions(change.interventions, this.#weights.info),
    };
    return new View(this.#weights, this.#fileTokenizer, setting, { context: this.context, threads: this.threads });
  }

  async run<S extends string, L extends string, R extends string>(
    prompt: Prompt<R>,
    options: RunOptions<S, L> = {},
  ): Promise<Run<S>> {
    internalsOf(this);
    checkOptions("run", options, ["capture", "logits", "signal"]);
    const wanted = logitRows(options.logits);
    const captures = parseCaptures(options.capture, this.#weights.info);
    const tokens = promptTokens(prompt, this.#promptContext());
    const signal = checkSignal(options.signal) ?? notebook()?.signal();
    // The prompt is copied and the options are checked: nothing of the caller's is read after the first wait.
    const weights = this.#weights;
    const plan = sequencePlan(this.#native, captures, tokens.length, this.threads);
    weights.retain();
    try {
      const memory = await reservePrefill(prefillNeeds(weights, plan, captures, tokens.length, wanted), true, signal);
      const program = new Program(weights, plan, memory);
      try {
        const result = await prefill(weights, program, captures, tokens, wanted, signal);
        return runOf<S>(weights.info, this.#fileTokenizer, tokens, result);
      } finally {
        program.close();
      }
    } finally {
      weights.release();
    }
  }

  async runBatch<S extends string, L extends string, R extends string>(
    prompts: readonly Prompt<R>[],
    options: BatchOptions<S, L> = {},
  ): Promise<readonly Run<S>[]> {
    internalsOf(this);
    checkOptions("runBatch", options, ["capture", "logits", "signal", "onProgress"]);
    const wanted = logitRows(options.logits);
    const captures = parseCaptures(options.capture, this.#weights.info);
    const { onProgress } = options;
    checkFunction("onProgress", onProgress);
    if (!Array.isArray(prompts) || prompts.length === 0) {
      throw new LabError("invalid-option", `runBatch takes an array of at least one prompt, received ${received(prompts)}`);
    }
    const context = this.#promptContext();
    const tokens = prompts.map((prompt, i) => {
      try {
        return promptTokens(prompt, context);
      } catch (error) {
        if (!(error instanceof LabError)) throw error;
        throw new LabError(error.code, `prompt ${i}: ${error.message}`, { cause: error });
      }
    });
    const signal = checkSignal(options.signal) ?? notebook()?.signal();
    const weights = this.#weights;
    const plan = {
      ...sequencePlan(this.#native, captures, Math.max(...tokens.map(({ length }) => length)), this.threads),
      sequences: tokens.length,
    };
    weights.retain();
    try {
      const needs = sideBySideNeeds(weights, plan, captures, tokens, wanted);
      const out = 'Give fewer prompts at a time, capture fewer layers ("blocks.0-7.…"), or ask for logits: "last" or "none"';
      const program = new Program(weights, plan, await reservePrefill(needs, true, signal, out));
      try {
        const results = await sideBySide(weights, program, captures, tokens, wanted, signal, onProgress);
        return results.map((result, i) => runOf<S>(weights.info, this.#fileTokenizer, tokens[i]!, result));
      } finally {
        program.close();
      }
    } finally {
      weights.release();
    }
  }

  generate<S extends string, R extends string>(prompt: Prompt<R>, options: GenerateOptions<S> = {}): Generation<S> {
    const own = internalsOf(this);
    checkWrites(own.fileTokenizer);
    return generation(own, promptTokens(prompt, this.#promptContext(), 1), options);
  }

  async weight(name: string): Promise<Tensor<["row", "column"]>> {
    internalsOf(this);
    const weights = this.#weights;
    checkWeightName(name, weights.table);
    const shape = weights.table.tensors.find((one) => one.name === name)?.shape ?? [];
    const bytes = 4 * shape.reduce((product, n) => product * n, 1);
    weights.retain();
    const memory = await reserve(
      [{ what: `${name} as float32`, bytes, array: true }],
      "Free some memory, or use a machine with more",
      {
        endsByItself: true,
        signal: undefined,
      },
    ).catch((error: unknown) => {
      weights.release();
      throw error;
    });
    try {
      const { data, rows, columns } = await callNative((addon) => addon.weight(weights.native, name));
      return tensor(data, ["row", "column"], [rows, columns]);
    } finally {
      memory.release();
      weights.release();
    }
  }

  dispose(): void {
    unregister(this);
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  [displaySymbol](): MimeBundle {
    return isLive(this)
      ? { "text/plain": modelText(this), "text/html": modelHtml(this) }
      : { "text/plain": `Model ${this.name}, disposed of` };
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return isLive(this) ? modelText(this) : `Model ${this.name}, disposed of`;
  }

  #promptContext(): PromptContext {
    const fileTokenizer = this.#fileTokenizer;
    return {
      vocab: this.vocab,
      context: this.context,
      tokenizer: () => (fileTokenizer.model === undefined ? undefined : fileTokenizer.tokenizer),
      // Token ids go into any model, even one with a broken vocabulary; its BOS is known only where the vocabulary can be read.
      expectedBos: () => (fileTokenizer.fault ? null : fileTokenizer.tokenizer.addsBos ? fileTokenizer.tokenizer.bos : null),
      warn: (message: string) => warnOnce(this.#weights, message),
    };
  }
}
