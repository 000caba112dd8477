/**
 * `sweep`: many policies over one corpus. They run in one batch, so the weights are read once per chunk for all of them, and six settings
 * cost little more memory traffic than one. Each has its own residual stream and KV cache. Points are updated while it runs.
 */
import { checkFunction, checkSignal } from "../check.js";
import { displaySymbol, type MimeBundle, notebook } from "../display.js";
import { checkOptions, LabError } from "../errors.js";
import type { Checked, Loose } from "../literals.js";
import { type Corpus, checkCorpus } from "../measures/corpus.js";
import { type EvaluatedSetting, evaluate, type Groups, type Step } from "../measures/evaluate.js";
import { checkMeasures } from "../measures/job.js";
import type { Measure, Point } from "../measures/report.js";
import { withDisplay } from "../measures/report-display.js";
import { internalsOf } from "../model/internals.js";
import type { Model } from "../model/model.js";
import { nativeSetting } from "../model/setting.js";
import { type CheckedPolicy, checkPolicy, type LoosePolicy, type Policy } from "../policy/policy.js";
import { refusePromise } from "../promised.js";
import { bytesText } from "../text.js";

/** What `sweep` takes. */
export interface SweepOptions<M extends string = Measure, P extends LoosePolicy = Policy> {
  /** The policies, `fatrelu(0, 0.01, 0.02)` say. */
  over: readonly CheckedPolicy<P>[];
  on: Corpus;
  measure: readonly Checked<M, Measure>[];
  /** What kl and top1 compare with; default: the model as passed. A model of the same vocabulary. */
  reference?: Model;
  /** Tokens of a window; default: min(512, context). */
  window?: number;
  /** All points so far, after each chunk of tokens: finished ones with `done`, and running ones once they have a score. Default: none. */
  onUpdate?: (points: readonly Point<M, P>[]) => void;
  /** Stops within 100 ms; default: the running cell's stop button. */
  signal?: AbortSignal;
  /** No progress line. Default: false. */
  quiet?: boolean;
}
/**
 * Yields each setting once, when it is finished, in the order given; `await` runs the sweep to its end and gives all points. It starts when
 * it is first awaited or read. Later it gives the stored points.
 */
export interface Sweep<M extends string, P extends LoosePolicy = Policy>
  extends AsyncIterable<Point<M, P>>,
    PromiseLike<readonly Point<M, P>[]> {
  /** The points so far; they remain after a stop. Running ones have `done: false`. */
  readonly points: readonly Point<M, P>[];
  /** Bytes of weights read so far. */
  readonly weightBytesRead: number;
}

/**
 * Measures many policies over one corpus, side by side: the weights are read once for all of them.
 * @param options.over the policies, such as `fatrelu(0, 0.01, 0.02)`
 * @param options.on the text
 * @param options.measure which measures: sparsity, perplexity, kl, top1
 * @defaultValue `reference`: the model as passed; `window`: min(512, context); `signal`: the running cell's stop button; `quiet`: false
 * @returns await it for all points, or read them with `for await` as they are finished
 * @throws LabError invalid-option at once; when it runs: `aborted` after a last `onUpdate`, out-of-memory, not-finite, bad-file
 * @example
 * const points = await sweep(model, { over: fatrelu(0, 0.5, 1), on: corpus("models/held.txt"), measure: ["sparsity", "kl"] });
 * show(plot.pareto(points, "kl"));
 */
export function sweep<const M extends Loose<Measure>, P extends LoosePolicy = Policy>(
  model: Model,
  options: SweepOptions<M, P>,
): Sweep<M, P> {
  return sweepWithin(model, options as unknown as SweepOptions) as unknown as Sweep<M, P>;
}

/** `sweep` as if `free` bytes of memory were free; undefined: as many as are. */
export function sweepWithin<const M extends Measure>(model: Model, options: SweepOptions<M>, free?: number): Sweep<M> {
  const internals = internalsOf(model);
  if (typeof options !== "object" || options === null) throw new LabError("invalid-option", "sweep needs { over, on, measure }");
  if ("tasks" in options)
    throw new LabError("invalid-option", "option tasks of sweep is not available yet; measure perplexity or kl instead");
  checkOptions("sweep", options, ["over", "on", "measure", "reference", "window", "onUpdate", "signal", "quiet"]);
  checkSignal(options.signal);
  checkFunction("onUpdate", options.onUpdate);
  if (options.reference !== undefined) internalsOf(options.reference);
  // Copied, since the sweep reads them after the call.
  const wanted = { ...options, measure: checkMeasures(options.measure), on: checkCorpus(options.on) };
  refusePromise("over", options.over);
  if (!Array.isArray(options.over) || options.over.length === 0) {
    throw new LabError("invalid-option", "over must be an array of at least one policy, such as fatrelu(0, 0.01, 0.02)");
  }
  const settings = Array.from(options.over, (one) => {
    const policy = checkPolicy(one);
    return { policy, native: nativeSetting({ ...internals.setting, policy }, internals.weights.info) };
  });
  return new RunningSweep(model, wanted, settings, free);
}

class RunningSweep<M extends Measure> implements Sweep<M> {
  readonly #model: Model;
  readonly #options: SweepOptions<M>;
  readonly #settings: readonly EvaluatedSetting[];
  readonly #free: number | undefined;
  #finished: Point<M>[] = [];
  #running: Point<M>[] = [];
  /** The evaluation, once it has begun; each step is a group of settings. */
  #work: AsyncGenerator<void, void, void> | undefined;
  #step: Promise<void> | undefined;
  #ended = false;
  #failure: unknown;
  /** How many loops are reading it. */
  #readers = 0;
  weightBytesRead = 0;

  constructor(model: Model, options: SweepOptions<M>, settings: readonly EvaluatedSetting[], free: number | undefined) {
    this.#model = model;
    this.#options = options;
    this.#settings = settings;
    this.#free = free;
  }

  get points(): readonly Point<M>[] {
    return [...this.#finished, ...this.#running];
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Point<M>, void, void> {
    this.#readers++;
    try {
      for (let i = 0; i < this.#settings.length; i++) {
        while (i >= this.#finished.length) {
          if (this.#ended) throw this.#failure;
          await this.#advance();
        }
        yield this.#finished[i]!;
      }
    } finally {
      if (--this.#readers === 0) await this.#leave();
    }
  }

  // biome-ignore lint/suspicious/noThenProperty: a sweep that is awaited runs to its end.
  then<A = readonly Point<M>[], B = never>(
    resolve?: ((points: readonly Point<M>[]) => A | PromiseLike<A>) | null,
    reject?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): PromiseLike<A | B> {
    return this.#all().then(resolve, reject);
  }

  async #all(): Promise<readonly Point<M>[]> {
    const points: Point<M>[] = [];
    for await (const point of this) points.push(point);
    return points;
  }

  /** One step of the evaluation, shared by all readers that wait for it. */
  #advance(): Promise<void> {
    this.#work ??= this.#run();
    const work = this.#work;
    this.#step ??= work
      .next()
      .then(
        ({ done }) => {
          if (done) this.#ended = true;
        },
        (error: unknown) => {
          this.#ended = true;
          this.#failure = error;
        },
      )
      .finally(() => {
        this.#step = undefined;
      });
    return this.#step;
  }

  /** The last reader left its loop: the rest is not measured, as after a stop. */
  async #leave(): Promise<void> {
    if (this.#ended || !this.#work) return;
    this.#ended = true;
    await this.#work.return();
    const [have, all] = [this.#finished.length, this.#settings.length];
    this.#failure = new LabError(
      "aborted",
      `the loop over this sweep was left when ${have} of ${all} settings were measured; its points hold those, a new sweep measures the rest`,
    );
  }

  /** As a cell's last value: its progress, and how to run it. */
  [displaySymbol](): MimeBundle {
    const [have, all] = [this.#finished.length, this.#settings.length];
    const settings = `${all} ${all === 1 ? "setting" : "settings"}`;
    const how = this.#work
      ? `${have} finished; see its points`
      : "not started; did you forget await? `await sweep(…)` gives its points";
    return { "text/plain": `Sweep of ${settings}: ${how}` };
  }

  /** For `console.log`. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this[displaySymbol]()["text/plain"] as string;
  }

  async *#run(): AsyncGenerator<void, void, void> {
    const { on, measure, reference = this.#model, window, quiet, onUpdate } = this.#options;
    const signal = this.#options.signal ?? notebook()?.signal();
    const label = ({ count, size, bytes }: Groups) =>
      `sweep of ${this.#settings.length} settings on ${on.name}, ${count === 1 ? "all at once" : `${count} groups of ${size}`}, ${bytesText(bytes)}`;
    try {
      yield* evaluate(
        {
          model: this.#model,
          on,
          measure,
          settings: this.#settings,
          reference,
          window,
          signal,
          label: quiet ? undefined : label,
          free: this.#free,
        },
        (step) => this.#update(step),
      );
    } catch (error) {
      if (signal?.aborted) onUpdate?.(this.points);
      throw error;
    }
  }

  #update({ from, done, weightBytesRead, ready, reports }: Step): void {
    this.weightBytesRead += weightBytesRead;
    const points = (ready ? reports() : []).map((report, i) => {
      const setting = this.#settings[from + i]!.policy;
      return withDisplay({ ...report, setting, done }) as unknown as Point<M>;
    });
    if (done) [this.#finished, this.#running] = [[...this.#finished, ...points], []];
    else this.#running = points;
    if (ready) this.#options.onUpdate?.(this.points);
  }
}
