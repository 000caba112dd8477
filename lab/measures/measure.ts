/** `measure`: one view of a model over a corpus. Sums are kept where the model runs; nothing is captured. */

import { notebook } from "../display.js";
import { checkOptions, LabError } from "../errors.js";
import type { Model } from "../model/model.js";
import { insideOf } from "../model/model.js";
import { checkFunction, checkSignal } from "../model/options.js";
import { Progress } from "../progress.js";
import type { Corpus } from "./corpus.js";
import { groupSize } from "./groups.js";
import { checkCorpus, checkMeasures, policyOf, prepare, withReference } from "./job.js";
import type { Measure, Report } from "./report.js";
import { shown } from "./report-display.js";
import { Scores } from "./scores.js";
import { walk } from "./walk.js";

export interface MeasureOptions<M extends Measure> {
  /** Which measures: sparsity, perplexity, kl, top1. */
  measure: readonly M[];
  /** kl and top1 compare with it; asking for them without it is an error. A model of the same vocabulary. */
  reference?: Model;
  /** Tokens of a window. BOS replaces its first token, no overlap, the second half is scored (255 of 512). Default: min(512, context). */
  window?: number;
  /** Stops within 100 ms; default: the running cell's stop button. */
  signal?: AbortSignal;
  /** Share of the tokens done; without it one line tells of the progress. */
  onProgress?: (fraction: number) => void;
}

/** @throws LabError invalid-option (a text shorter than one window among others), out-of-memory, not-finite, aborted */
export async function measure<const M extends Measure>(model: Model, on: Corpus, options: MeasureOptions<M>): Promise<Report<M>> {
  const inside = insideOf(model);
  if (typeof options !== "object" || options === null)
    throw new LabError("invalid-option", 'measure needs { measure: ["sparsity"] }');
  checkOptions("measure", options, ["measure", "reference", "window", "signal", "onProgress"]);
  // Copied before the first wait: what the caller changes afterwards changes nothing here.
  const text = checkCorpus(on);
  const wanted = { ...options, measure: checkMeasures(options.measure) };
  const signal = checkSignal(options.signal) ?? notebook()?.signal();
  if (options.reference !== undefined) insideOf(options.reference);
  checkFunction("onProgress", options.onProgress);
  const job = await prepare(model, text, wanted, signal);
  const { windows, reference, provenance } = job;
  const { weights, native } = inside;
  const side = withReference([native], reference);
  groupSize(job, [native], side.settings.slice(1), wanted.measure);
  const scores = new Scores(weights.info.layers, weights.info.neurons);
  const total = windows.list.length * windows.size;
  const progress = wanted.onProgress ? undefined : new Progress(`measure ${text.name}`);
  try {
    for await (const { tokens } of walk({ job, ...side, scores: [scores], measure: wanted.measure, signal })) {
      progress?.tick(tokens / total);
      wanted.onProgress?.(tokens / total);
    }
  } catch (error) {
    progress?.end(signal?.aborted ? "stopped" : "failed");
    throw error;
  }
  progress?.end();
  return shown({
    ...scores.measures(wanted.measure),
    tokens: scores.tokens,
    provenance: policyOf(provenance, inside.setting.policy, scores.tokens),
  }) as Report<M>;
}
