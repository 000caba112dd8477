/**
 * `sweep`: many policies over one corpus. The weights are walked once per chunk for all of them, in one batch, so six settings cost little
 * more memory traffic than one; each keeps its own residual stream and KV cache. Points grow while it runs.
 */
import { notebook } from "../display.js";
import { bytesText, checkOptions, LabError } from "../errors.js";
import type { Corpus } from "../measures/corpus.js";
import { groupSize } from "../measures/groups.js";
import { checkCorpus, checkMeasures, type Job, policyOf, prepare, withReference } from "../measures/job.js";
import type { Measure, Point } from "../measures/report.js";
import { shown } from "../measures/report-display.js";
import { Scores } from "../measures/scores.js";
import { walk } from "../measures/walk.js";
import { insideOf, type Model } from "../model/model.js";
import { checkFunction, checkSignal } from "../model/options.js";
import { nativeSetting } from "../model/setting.js";
import type { NativeSetting } from "../native.js";
import { checkPolicy, type Policy } from "../policy/policy.js";
import { Progress } from "../progress.js";

export interface SweepOptions<M extends Measure> {
  /** The policies, `fatrelu(0, 0.01, 0.02)` say. */
  over: readonly Policy[];
  on: Corpus;
  measure: readonly M[];
  /** What kl and top1 compare with; default: the model as passed. A model of the same vocabulary. */
  reference?: Model;
  /** Tokens of a window; default: min(512, context). */
  window?: number;
  /** All points so far, after each chunk of tokens: finished ones with `done`, and running ones once they have a score. */
  onUpdate?: (points: readonly Point<M>[]) => void;
  /** Stops within 100 ms; default: the running cell's stop button. */
  signal?: AbortSignal;
}
/** Yields each setting once, finished, in the order given. It starts when it is read, and can be read once. */
export interface Sweep<M extends Measure> extends AsyncIterable<Point<M>> {
  /** The points so far, which stay after a stop: running ones have `done: false`. */
  readonly points: readonly Point<M>[];
  /** Bytes of weights read so far. */
  readonly weightBytesRead: number;
}

/**
 * @throws LabError invalid-option at once; `aborted` from the iteration when it is stopped, after a last `onUpdate`; out-of-memory,
 * not-finite
 */
export function sweep<const M extends Measure>(model: Model, options: SweepOptions<M>): Sweep<M> {
  return sweepWithin(model, options);
}

/** The same within so many bytes of free memory; what is really free where nothing is said. */
export function sweepWithin<const M extends Measure>(model: Model, options: SweepOptions<M>, free?: number): Sweep<M> {
  const inside = insideOf(model);
  if (typeof options !== "object" || options === null) throw new LabError("invalid-option", "sweep needs { over, on, measure }");
  if ("tasks" in options)
    throw new LabError("invalid-option", "option tasks of sweep is not available yet; measure perplexity or kl instead");
  checkOptions("sweep", options, ["over", "on", "measure", "reference", "window", "onUpdate", "signal"]);
  checkSignal(options.signal);
  checkFunction("onUpdate", options.onUpdate);
  if (options.reference !== undefined) insideOf(options.reference);
  // Copied here: the sweep reads them long after the call.
  const wanted = { ...options, measure: checkMeasures(options.measure), on: checkCorpus(options.on) };
  if (!Array.isArray(options.over) || options.over.length === 0) {
    throw new LabError("invalid-option", "over must be an array of at least one policy, such as fatrelu(0, 0.01, 0.02)");
  }
  const policies = Array.from(options.over, checkPolicy);
  const settings = policies.map((policy) => nativeSetting({ ...inside.setting, policy }, inside.weights.info));
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
  #begun = false;
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
    if (this.#begun) throw new LabError("invalid-option", "a sweep is read once; its results stay in its points");
    this.#begun = true;
    const { on, measure, reference = this.#model } = this.#options;
    const signal = this.#options.signal ?? notebook()?.signal();
    const job = await prepare(this.#model, on, { ...this.#options, reference }, signal);
    const extra = job.reference ? [job.reference] : [];
    const group = groupSize(job, this.#settings, extra, measure, this.#free);
    const groups = Math.ceil(this.#settings.length / group.size);
    const progress = new Progress(
      `sweep of ${this.#settings.length} settings on ${on.name}, ${groups === 1 ? "all at once" : `${groups} groups of ${group.size}`}, ${bytesText(group.bytes)}`,
    );
    // A reader that leaves its loop stops the sweep as the signal does.
    let how: "done" | "stopped" | "failed" = "stopped";
    try {
      for (let from = 0; from < this.#settings.length; from += group.size) {
        const to = Math.min(from + group.size, this.#settings.length);
        yield* this.#group(job, from, to, progress, signal);
      }
      how = "done";
    } catch (error) {
      if (signal?.aborted) this.#options.onUpdate?.(this.points);
      else how = "failed";
      throw error;
    } finally {
      progress.end(how);
    }
  }

  /** Settings from <= i < to, side by side. */
  async *#group(
    job: Job,
    from: number,
    to: number,
    progress: Progress,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Point<M>, void, void> {
    const { inside, windows } = job;
    const { info } = inside.weights;
    const { measure, onUpdate } = this.#options;
    const side = withReference(this.#settings.slice(from, to), job.reference);
    const scores = this.#settings.slice(from, to).map(() => new Scores(info.layers, info.neurons));
    const total = windows.list.length * windows.size;
    for await (const { tokens, weightBytesRead } of walk({ job, ...side, scores, measure, signal })) {
      this.weightBytesRead += weightBytesRead;
      progress.tick((from + ((to - from) * tokens) / total) / this.#settings.length);
      const done = tokens === total;
      const ready = scores.every((score) => score.scored) || measure.every((name) => name === "sparsity");
      const points = ready ? scores.map((score, i) => this.#point(job, score, this.#policies[from + i]!, done)) : [];
      if (done) [this.#finished, this.#running] = [[...this.#finished, ...points], []];
      else this.#running = points;
      if (ready) onUpdate?.(this.points);
    }
    yield* this.#finished.slice(from, to);
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
