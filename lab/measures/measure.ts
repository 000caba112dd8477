/** `measure`: one view of a model over a corpus. It is an evaluation of one setting; a sweep evaluates several. */
import { checkFunction, checkSignal } from "../check.js";
import { notebook } from "../display.js";
import { checkOptions, LabError } from "../errors.js";
import type { Checked, Loose } from "../literals.js";
import { internalsOf } from "../model/internals.js";
import type { Model } from "../model/model.js";
import { received } from "../received.js";
import { type Corpus, checkCorpus } from "./corpus.js";
import { evaluate, type Step } from "./evaluate.js";
import { checkMeasures } from "./job.js";
import type { Measure, Report } from "./report.js";
import { withDisplay } from "./report-display.js";

/** What `measure` takes. */
export interface MeasureOptions<M extends string = Measure> {
  /** Which measures: sparsity, perplexity, kl, top1, predictor. The last is in every report of a view with strategy "predicted". */
  measure: readonly Checked<M, Measure>[];
  /** kl and top1 compare with it; without a default: measuring them without it is an error. A model of the same vocabulary. */
  reference?: Model;
  /** Tokens of a window. BOS replaces its first token, no overlap, the second half is scored (255 of 512). Default: min(512, context). */
  window?: number;
  /** Stops within 100 ms; default: the running cell's stop button. */
  signal?: AbortSignal;
  /** Called with the share of the tokens done, 0 to 1. Default: a progress line is printed. */
  onProgress?: (fraction: number) => void;
  /** No progress line. Default: false. */
  quiet?: boolean;
}

/**
 * Measures a model over a text. Nothing is captured: sums are kept where the model runs.
 * @param on `corpus("file.txt")` or `corpus.text("…")`
 * @param options.measure which measures: sparsity, perplexity, kl, top1
 * @param options.reference what kl and top1 compare with; measuring them without it is an error
 * @defaultValue `window`: min(512, context) tokens; `signal`: the running cell's stop button; `quiet`: false
 * @returns a report with a record for each measure, and where the numbers come from
 * @throws LabError invalid-option (a text shorter than one window among others), bad-file, out-of-memory, not-finite, aborted
 * @example
 * const report = await measure(model, corpus("models/held.txt"), { measure: ["sparsity", "perplexity"] });
 * report.sparsity.mean; // share of zeros, 0 to 1
 */
export async function measure<const M extends Loose<Measure>>(
  model: Model,
  on: Corpus,
  options: MeasureOptions<M>,
): Promise<Report<M>> {
  return (await measured(model, on, options as unknown as MeasureOptions)) as unknown as Report<M>;
}

async function measured(model: Model, on: Corpus, options: MeasureOptions): Promise<Report<Measure>> {
  const internals = internalsOf(model);
  if (typeof options !== "object" || options === null)
    throw new LabError(
      "invalid-option",
      `measure takes the model, the text and the options, as in measure(model, corpus("file.txt"), { measure: ["sparsity"] }); the options were ${received(options)}`,
    );
  checkOptions("measure", options, ["measure", "reference", "window", "signal", "onProgress", "quiet"]);
  // Copied before the first wait: what the caller changes afterwards changes nothing here.
  const text = checkCorpus(on);
  const wanted = { ...options, measure: checkMeasures(options.measure) };
  const signal = checkSignal(options.signal) ?? notebook()?.signal();
  if (options.reference !== undefined) internalsOf(options.reference);
  checkFunction("onProgress", options.onProgress);
  let last!: Step;
  const label = wanted.onProgress || wanted.quiet ? undefined : () => `measure ${text.name}`;
  const settings = [{ policy: internals.setting.policy, native: internals.native }];
  const { measure, reference, window } = wanted;
  const evaluation = evaluate({ model, on: text, measure, settings, reference, window, signal, label }, (step) => {
    last = step;
    wanted.onProgress?.(step.fraction);
  });
  for await (const _ of evaluation) void _;
  return withDisplay(last.reports()[0]!);
}
