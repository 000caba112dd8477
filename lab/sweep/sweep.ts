/**
 * `sweep`: many policies over one corpus. The weights are walked once per chunk for all of them, in one batch, so six settings cost little
 * more memory traffic than one; each keeps its own residual stream and KV cache. Points grow while it runs.
 */
import { checkFunction, checkSignal } from "../check.js";
import { displaySymbol, type MimeBundle, notebook } from "../display.js";
import { checkOptions, LabError } from "../errors.js";
import type { Checked, Loose } from "../literals.js";
import { type Corpus, checkCorpus } from "../measures/corpus.js";
import { groupSize } from "../measures/groups.js";
import { checkMeasures, type Job, policyOf, prepare, withReference } from "../measures/job.js";
import type { Measure, Point } from "../measures/report.js";
import { shown } from "../measures/report-display.js";
import { Scores } from "../measures/scores.js";
import { walk } from "../measures/walk.js";
import { internalsOf } from "../model/internals.js";
import type { Model } from "../model/model.js";
import { nativeSetting } from "../model/setting.js";
import type { NativeSetting } from "../native.js";
import { type CheckedPolicy, checkPolicy, type LoosePolicy, type Policy } from "../policy/policy.js";
import { Progress } from "../progress.js";
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
  /** All points so far, after each chunk of tokens: finished ones with `done`, and running ones once they have a score. Default: nobody is told. */
  onUpdate?: (points: readonly Point<M, P>[]) => void;
  /** Stops within 100 ms; default: the running cell's stop button. */
  signal?: AbortSignal;
  /** No progress line. Default: false. */
  quiet?: boolean;
}
/**
 * Yields each setting once, finished, in the order given; `await` runs it to its end and gives all points. It starts when it is awaited or
 * read. Awaited or read again, it gives the points that it has stored.
 */
export interface Sweep<M extends string, P extends LoosePolicy = Policy>
  extends AsyncIterable<Point<M, P>>,
    PromiseLike<readonly Point<M, P>[]> {
  /** The points so far, which stay after a stop: running ones have `done: false`. */
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

/** The same within so many bytes of free memory; what is really free where nothing is said. */
export function sweepWithin<const M extends Measure>(model: Model, options: SweepOptions<M>, free?: number): Sweep<M> {
  const internals = internalsOf(model);
  if (typeof options !== "object" || options === null) throw new LabError("invalid-option", "sweep needs { over, on, measure }");
  if ("tasks" in options)
    throw new LabError("invalid-option", "option tasks of sweep is not available yet; measure perplexity or kl instead");
  checkOptions("sweep", options, ["over", "on", "measure", "reference", "window", "onUpdate", "signal", "quiet"]);
  checkSignal(options.signal);
  checkFunction("onUpdate", options.onUpdate);
  if (options.reference !== undefined) internalsOf(options.reference);
  // Copied here: the sweep reads them long after the call.
  const wanted = { ...options, measure: checkMeasures(options.measure), on: checkCorpus(options.on) };
  refusePromise("over", options.over);
  if (!Array.isArray(options.over) || options.over.length === 0) {
    throw new LabError("invalid-option", "over must be an array of at least one policy, such as fatrelu(0, 0.01, 0.02)");
  }
  const policies = Array.from(options.over, checkPolicy);
  const settings = policies.map((policy) => nativeSetting({ ...internals.setting, policy }, internals.weights.info));
  return new Sweeping(model, wanted, policies, settings, free);
}

class Sweeping<M extends Measure> implements Sweep<M> {
  readonly #model: Model;
  readonly #options: SweepOptions<M>;
  readonly #policies: readonly Policy[];
  readonly #settings: readonly NativeSetting[];
  readonly #free: number | undefined;
  #finished: Point<M>[] = [];
  #running: Point<M>[] = [];
  /** The work itself, once begun; it ends a group of settings at each step. */
  #work: AsyncGenerator<void, void, void> | undefined;
  #step: Promise<void> | undefined;
  #ended = false;
  #failure: unknown;
  /** Loops that read it now. */
  #readers = 0;
  weightBytesRead = 0;

  constructor(
    model: Model,
    options: SweepOptions<M>,
    policies: readonly Policy[],
    settings: readonly NativeSetting[],
    free: number | undefined,
  ) {
    this.#model = model;
    this.#options = options;
    this.#policies = policies;
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

  /** One step of the work, for all who wait for it. */
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

  /** The last reader left its loop: what is not measured by then is not measured, as after a stop. */
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

  /** As a cell's last value: how far it is, and how to run it. */
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
    const { on, measure, reference = this.#model } = this.#options;
    const signal = this.#options.signal ?? notebook()?.signal();
    const job = await prepare(this.#model, on, { ...this.#options, reference }, signal);
    const extra = job.reference ? [job.reference] : [];
    const group = groupSize(job, this.#settings, extra, measure, this.#free);
    const groups = Math.ceil(this.#settings.length / group.size);
    const label = `sweep of ${this.#settings.length} settings on ${on.name}, ${groups === 1 ? "all at once" : `${groups} groups of ${group.size}`}, ${bytesText(group.bytes)}`;
    const progress = this.#options.quiet ? undefined : new Progress(label);
    // A reader that leaves its loop stops the sweep as the signal does.
    let how: "done" | "stopped" | "failed" = "stopped";
    try {
      for (let from = 0; from < this.#settings.length; from += group.size) {
        const to = Math.min(from + group.size, this.#settings.length);
        await this.#group(job, from, to, progress, signal);
        if (to === this.#settings.length) how = "done";
        yield;
      }
    } catch (error) {
      if (signal?.aborted) this.#options.onUpdate?.(this.points);
      else how = "failed";
      throw error;
    } finally {
      progress?.end(how);
    }
  }

  /** Settings from <= i < to, side by side. */
  async #group(
    job: Job,
    from: number,
    to: number,
    progress: Progress | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { internals, windows } = job;
    const { info } = internals.weights;
    const { measure, onUpdate } = this.#options;
    const side = withReference(this.#settings.slice(from, to), job.reference);
    const scores = this.#settings.slice(from, to).map(() => new Scores(info.layers, info.neurons));
    const total = windows.list.length * windows.size;
    for await (const { tokens, weightBytesRead } of walk({ job, ...side, scores, measure, signal })) {
      this.weightBytesRead += weightBytesRead;
      progress?.tick((from + ((to - from) * tokens) / total) / this.#settings.length);
      const done = tokens === total;
      const ready = scores.every((score) => score.scored) || measure.every((name) => name === "sparsity");
      const points = ready ? scores.map((score, i) => this.#point(job, score, this.#policies[from + i]!, done)) : [];
      if (done) [this.#finished, this.#running] = [[...this.#finished, ...points], []];
      else this.#running = points;
      if (ready) onUpdate?.(this.points);
    }
  }

  #point(job: Job, score: Scores, setting: Policy, done: boolean): Point<M> {
    const { tokens } = score;
    const measured = score.measures(this.#options.measure);
    return shown({
      ...measured,
      tokens,
      provenance: policyOf(job.provenance, setting, tokens),
      setting,
      done,
    }) as unknown as Point<M>;
  }
}
