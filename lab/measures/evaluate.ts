/**
 * The evaluation of settings over one corpus, side by side, in groups that fit into memory. `sweep` evaluates several settings, `measure`
 * one.
 */
import type { Model } from "../model/model.js";
import type { NativeSetting } from "../native.js";
import type { Policy } from "../policy/policy.js";
import { Progress } from "../progress.js";
import type { Corpus } from "./corpus.js";
import { groupSize, needsLogits } from "./groups.js";
import { type Job, prepare, provenanceOf, withReference } from "./job.js";
import type { Measure, Report } from "./report.js";
import { Scores } from "./scores.js";
import { walk } from "./walk.js";

export interface Evaluation {
  readonly model: Model;
  readonly on: Corpus;
  readonly measure: readonly Measure[];
  readonly settings: readonly EvaluatedSetting[];
  /** What kl and top1 compare with. */
  readonly reference: Model | undefined;
  /** Tokens of a window; undefined: the default. */
  readonly window: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** The label of the progress line; undefined: no line. */
  readonly label: ((groups: Groups) => string) | undefined;
  /** Bytes of memory that count as free; undefined: as many as are free. */
  readonly free?: number | undefined;
}
export interface EvaluatedSetting {
  readonly policy: Policy;
  readonly native: NativeSetting;
}
/** How the settings were grouped: `count` groups of `size` settings, and the bytes that a group takes. */
export interface Groups {
  readonly count: number;
  readonly size: number;
  readonly bytes: number;
}

/** The state after a chunk of tokens. */
export interface Step {
  /** The group consists of the settings from <= i < to. */
  readonly from: number;
  readonly to: number;
  /** Whether the group is finished. */
  readonly done: boolean;
  /** Share of the whole evaluation that is done, 0 to 1. */
  readonly fraction: number;
  /** Bytes of weights read in this chunk. */
  readonly weightBytesRead: number;
  /** Whether every measure has a value. */
  readonly ready: boolean;
  /** The reports of the group's settings so far. */
  reports(): readonly Report<Measure>[];
}

/** Calls `onStep` after each chunk, and yields after each finished group. Leaving the loop stops the evaluation. */
export async function* evaluate(
  { model, on, measure, settings, reference, window, signal, label, free }: Evaluation,
  onStep: (step: Step) => void,
): AsyncGenerator<void, void, void> {
  const job = await prepare(model, on, { measure, reference, window }, signal);
  const extra = job.reference ? [job.reference] : [];
  const natives = settings.map(({ native }) => native);
  const { size, bytes } = groupSize(job, natives, extra, measure, free);
  const progress = label && new Progress(label({ count: Math.ceil(settings.length / size), size, bytes }));
  let how: "done" | "stopped" | "failed" = "stopped";
  try {
    for (let from = 0; from < settings.length; from += size) {
      const to = Math.min(from + size, settings.length);
      for await (const step of group(job, settings, from, to, measure, signal)) {
        progress?.tick(step.fraction);
        onStep(step);
      }
      if (to === settings.length) how = "done";
      yield;
    }
  } catch (error) {
    if (!signal?.aborted) how = "failed";
    throw error;
  } finally {
    progress?.end(how);
  }
}

/** Settings from <= i < to, side by side. */
async function* group(
  job: Job,
  settings: readonly EvaluatedSetting[],
  from: number,
  to: number,
  measure: readonly Measure[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Step, void, void> {
  const { layers, neurons } = job.internals.weights.info;
  const own = settings.slice(from, to);
  const scores = own.map(({ native }) => new Scores(layers, neurons, native.cutoff));
  const side = withReference(
    own.map(({ native }) => native),
    job.reference,
  );
  const total = job.windows.list.length * job.windows.size;
  const reports = () =>
    scores.map(
      (score, i) =>
        ({
          ...score.measures(measure),
          ...(score.predicts && { predictor: score.predictor() }),
          tokens: score.tokens,
          provenance: provenanceOf(job, own[i]!.policy, score.tokens),
        }) as Report<Measure>,
    );
  for await (const { tokens, weightBytesRead } of walk({ job, ...side, scores, measure, signal })) {
    yield {
      from,
      to,
      done: tokens === total,
      fraction: (from + ((to - from) * tokens) / total) / settings.length,
      weightBytesRead,
      ready: scores.every((score) => score.scored) || !needsLogits(measure),
      reports,
    };
  }
}
