/**
 * Model: a view on shared weights. A view is a setting (policy, strategy, interventions) over weights that are counted by reference, so two
 * of them can be compared in one line, and nothing is changed for anybody else. Letters: L blocks, D hidden, F neurons.
 */

import { type Displayable, displaySymbol, type MimeBundle, notebook } from "../display.js";
import { checkOptions, LabError, nearest } from "../errors.js";
import { type HookPoint, hookPoints } from "../hooks.js";
import type { Checked, Loose } from "../literals.js";
import { modelName } from "../metadata.js";
import { calling, callingSync, type NativeSetting } from "../native.js";
import { checkPolicy, type LoosePolicy, type PerLayer, type Policy, type PolicyOption } from "../policy/policy.js";
import { refusePromise } from "../promised.js";
import { received } from "../received.js";
import { reserve } from "../runtime/memory.js";
import { type LogitRows, pass, passNeeds, planOf, reservePass } from "../runtime/prefill.js";
import { Program } from "../runtime/program.js";
import type { Weights } from "../runtime/weights.js";
import { type Tensor, tensor } from "../tensor.js";
import type { Tokenizer } from "../tokenizer/index.js";
import type { Activation } from "./activation.js";
import { parseCaptures } from "./cache.js";
import { modelHtml, modelText } from "./display.js";
import { checkWrites, type GenerateOptions, type Generation, generation } from "./generate.js";
import { type CheckedIntervention, type Intervention, type LooseIntervention, takeInterventions } from "./interventions.js";
import { checkChoice, checkSignal, refuseLater, type Strategy, strategyOf } from "./options.js";
import { type Prompt, promptTokens, type Role } from "./prompt.js";
import { type Run, runOf } from "./run.js";
import { nativeSetting, type Setting } from "./setting.js";
import { checkWeightName } from "./weight-name.js";

/** What `run` takes. */
export interface RunOptions<S extends string = HookPoint, L extends string = LogitRows> {
  /** Points to keep, `blocks.*.ffn.mid` or a list of such names. Default: none. */
  capture?: Checked<S, HookPoint> | readonly Checked<S, HookPoint>[];
  /** Which rows of logits to return; default "all", counted in the memory check. "none" also leaves out logprobs and perplexity. */
  logits?: Checked<L, LogitRows>;
  /** Stops within 100 ms; default: the running cell's stop button. */
  signal?: AbortSignal;
}
export type Change<
  P extends LoosePolicy = Policy,
  S extends string = Strategy,
  I extends LooseIntervention = Intervention,
> = PolicyOption<P> & {
  strategy?: Checked<S, Strategy>;
  /** Replace those of the view. Copied: what is changed afterwards (a vector, a list) changes nothing here. */
  interventions?: readonly CheckedIntervention<I>[];
};
/** A model: a view on the weights of a file, with a policy, a strategy and interventions of its own. */
export interface Model extends Disposable, Displayable {
  readonly name: string;
  /** The file, as an absolute path. */
  readonly path: string;
  readonly layers: number;
  readonly hidden: number;
  readonly neurons: number;
  readonly heads: number;
  readonly vocab: number;
  /** Positions that a sequence may hold. */
  readonly context: number;
  readonly threads: number;
  readonly activation: { readonly name: Activation; readonly t: PerLayer; readonly from: "option" | "file" | "architecture" };
  readonly policy: Policy;
  readonly strategy: Exclude<Strategy, "auto">;
  /** A fresh copy at each reading: changing it changes nothing here. */
  readonly interventions: readonly Intervention[];
  readonly predictors: readonly { readonly layer: number; readonly rank: number }[];
  /** Bytes: pages of the file and copies; the KV cache of one full context; scratch of one token. */
  readonly memory: { readonly weights: number; readonly cache: number; readonly scratch: number };
  readonly hookPoints: readonly HookPoint[];
  readonly tokenizer: Tokenizer;
  /** Another view on the same weights. Interventions replace the view's own. Weights are freed with the last view. */
  with<
    P extends LoosePolicy = Policy,
    const S extends Loose<Strategy> = Strategy,
    const I extends LooseIntervention = Intervention,
  >(change: Change<P, S, I>): Model;
  /** Calls on views of one model queue; none blocks the JavaScript thread. */
  run<const S extends Loose<HookPoint> = never, const L extends Loose<LogitRows> = LogitRows, const R extends Loose<Role> = Role>(
    prompt: Prompt<R>,
    options?: RunOptions<S, L>,
  ): Promise<Run<S>>;
  /** Temperature 0 unless given; ends with the end-of-sequence token. */
  generate<const S extends Loose<HookPoint> = never, const R extends Loose<Role> = Role>(
    prompt: Prompt<R>,
    options?: GenerateOptions<S>,
  ): Generation<S>;
  /** A weight by its name in the file, as float32: `weight("blk.3.attn_q.weight")`. */
  weight(name: string): Promise<Tensor<["row", "column"]>>;
  dispose(): void;
}

const rows: readonly LogitRows[] = ["all", "last", "none"];
function logitRows(given: string | undefined): LogitRows {
  if (given === undefined) return "all";
  if ((rows as readonly string[]).includes(given)) return given as LogitRows;
  const near = typeof given === "string" ? nearest(given, rows) : undefined;
  const hint = near ? `. Did you mean "${near}"?` : "";
  throw new LabError("invalid-option", `logits must be "all", "last" or "none", received ${received(given)}${hint}`);
}

/** What measures and sweeps need of a view beside its public face. */
export interface Inside {
  /** Whoever holds this holds the view, too: a view that is collected gives its weights up. */
  readonly view: Model;
  readonly weights: Weights;
  readonly setting: Setting;
  readonly native: NativeSetting;
  readonly threads: number;
  readonly context: number;
}
const insides = new WeakMap<Model, Inside>();
/** Throws for a view that was disposed of, and for what is no model. */
export function insideOf(model: Model): Inside {
  refusePromise("a model", model);
  const inside = insides.get(model);
  if (!inside) throw new LabError("invalid-option", "expected a model, as load() gives it");
  if (!live.has(model)) throw disposed(model);
  return inside;
}
const live = new WeakSet<Model>();
const disposed = (model: Model) =>
  new LabError("disposed", `this view of ${model.name} was disposed of; load the file again, or keep another view`);
// A notebook that runs its load cell again drops the first model without a word: its weights go when it is collected.
const collected = new FinalizationRegistry<Weights>((weights) => weights.release());

export interface ViewOptions {
  readonly context: number;
  readonly threads: number;
}

/** A new view; it holds one reference on the weights until it is disposed of or collected. */
export function view(weights: Weights, setting: Setting, options: ViewOptions): Model {
  const made = new View(weights, setting, options);
  weights.retain();
  live.add(made);
  collected.register(made, weights, made);
  return made;
}

/** What was said of which weights: in a loop a warning is said once, in a notebook once in each cell. */
const said = new WeakMap<Weights, { readonly cell: string; readonly messages: Set<string> }>();
function warnOnce(weights: Weights, message: string): void {
  const cell = notebook()?.cell() ?? "";
  const before = said.get(weights);
  const known = before?.cell === cell ? before : { cell, messages: new Set<string>() };
  if (known.messages.has(message)) return;
  known.messages.add(message);
  said.set(weights, known);
  console.warn(`sparselab: ${message}`);
}

class View implements Model {
  readonly #weights: Weights;
  readonly #setting: Setting;
  readonly #native: NativeSetting;
  readonly context: number;
  readonly threads: number;

  constructor(weights: Weights, setting: Setting, options: ViewOptions) {
    this.#weights = weights;
    this.#setting = setting;
    this.#native = nativeSetting(setting, weights.info);
    this.context = options.context;
    this.threads = options.threads;
    insides.set(this, { view: this, weights, setting, native: this.#native, ...options });
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
  get interventions() {
    return this.#setting.interventions.list();
  }
  get predictors() {
    return this.#weights.info.predictors.map((one) => Object.freeze({ ...one }));
  }
  get memory() {
    insideOf(this);
    const { info, native } = this.#weights;
    const plan = planOf(this.#native, [], this.context, this.threads);
    const { cacheBytes, scratchBytes } = callingSync((addon) => addon.estimate(native, plan, 1, 1));
    return { weights: info.mappedBytes + info.ownedBytes, cache: cacheBytes, scratch: scratchBytes };
  }
  get hookPoints() {
    return hookPoints();
  }
  get tokenizer() {
    return this.#weights.tokenizer;
  }

  with<P extends LoosePolicy, S extends string, I extends LooseIntervention>(given: Change<P, S, I>): Model {
    const change = given as unknown as Change;
    insideOf(this);
    checkOptions("with", change ?? null, ["policy", "strategy", "interventions", "vram", "cutoff"]);
    refuseLater(change);
    checkChoice("strategy", change.strategy);
    const setting: Setting = {
      activation: this.#setting.activation,
      policy: change.policy === undefined ? this.#setting.policy : checkPolicy(change.policy),
      strategy: change.strategy ?? this.#setting.strategy,
      interventions:
        change.interventions === undefined
          ? this.#setting.interventions
          : takeInterventions(change.interventions, this.#weights.info),
    };
    return view(this.#weights, setting, { context: this.context, threads: this.threads });
  }

  async run<S extends string, L extends string, R extends string>(
    prompt: Prompt<R>,
    options: RunOptions<S, L> = {},
  ): Promise<Run<S>> {
    insideOf(this);
    checkOptions("run", options, ["capture", "logits", "signal"]);
    const wanted = logitRows(options.logits);
    const captures = parseCaptures(options.capture, this.layers);
    const tokens = promptTokens(prompt, this.#told());
    const signal = checkSignal(options.signal) ?? notebook()?.signal();
    // From here on nothing of the caller's is read: the prompt was copied, and the options are not looked at again.
    const weights = this.#weights;
    const plan = planOf(this.#native, captures, tokens.length, this.threads);
    weights.retain();
    try {
      const memory = await reservePass(passNeeds(weights, plan, captures, tokens.length, wanted), true, signal);
      const program = new Program(weights, plan, memory);
      try {
        const result = await pass(weights, program, captures, tokens, wanted, signal);
        return runOf<S>(weights, tokens, result);
      } finally {
        program.close();
      }
    } finally {
      weights.release();
    }
  }

  generate<S extends string, R extends string>(prompt: Prompt<R>, options: GenerateOptions<S> = {}): Generation<S> {
    const inside = insideOf(this);
    checkWrites(inside);
    return generation(inside, promptTokens(prompt, this.#told(), 1), options);
  }

  async weight(name: string): Promise<Tensor<["row", "column"]>> {
    insideOf(this);
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
      const { data, rows, columns } = await calling((addon) => addon.weight(weights.native, name));
      return tensor(data, ["row", "column"], [rows, columns]);
    } finally {
      memory.release();
      weights.release();
    }
  }

  dispose(): void {
    if (!live.delete(this)) return;
    collected.unregister(this);
    this.#weights.release();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  [displaySymbol](): MimeBundle {
    return live.has(this)
      ? { "text/plain": modelText(this), "text/html": modelHtml(this) }
      : { "text/plain": `Model ${this.name}, disposed of` };
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return live.has(this) ? modelText(this) : `Model ${this.name}, disposed of`;
  }

  #told() {
    const { table } = this.#weights;
    return {
      vocab: this.vocab,
      context: this.context,
      tokenizer: () => (table.metadata.has("tokenizer.ggml.model") ? this.tokenizer : undefined),
      // Token ids go into a model of any vocabulary, also a broken one; only of one that can be read is its BOS known.
      expectedBos: () => (this.#weights.vocabularyFault ? null : this.tokenizer.addsBos ? this.tokenizer.bos : null),
      warn: (message: string) => warnOnce(this.#weights, message),
    };
  }
}
