/** `sparselab sweep`: measures FATReLU thresholds on a text, and writes the points to a file. */
import type { Measure, Point } from "../../lab/measures/report.js";
import { fatrelu, policyText } from "../../lab/policy/policy.js";
import { plain } from "../../lab/save/plain.js";
import { save } from "../../lab/save/save.js";
import { sweep as sweepModel } from "../../lab/sweep/sweep.js";
import { type Command, modelOptions, numbersOf, parse, required, UsageError, usage } from "../arguments.js";
import { abortOnInterrupt, loadOptions, note, openModel, print, printJson } from "../model.js";
import { prepareOut } from "../out.js";
import { checkReference, openReference } from "../reference.js";
import { type Column, tableOf } from "../table.js";
import { checkText, textOf, textOptions } from "./measure.js";

const help = `usage: sparselab sweep FILE --text TEXT --t 0,0.01,0.02 [--measure sparsity,perplexity] --out POINTS.json [options]

All thresholds run side by side: the weights are read once for all of them.

  --text TEXT         a UTF-8 text file; tokenised as a whole, cut into windows, of which the second half is scored
  --t LIST            FATReLU thresholds separated by commas
  --measure NAMES     sparsity, perplexity, kl, top1, separated by commas; default sparsity,perplexity
  --reference FILE    the model that kl and top1 compare with; default: FILE as it was trained
  --reference-activation NAME   its activation; default: from its file
  --out FILE          .json (an array of points) or .csv; its folder is created. After Ctrl-C it has the points so far, with
                      "done": false
  --window N          tokens per window; default min(512, context)
  --max-tokens N      use only the beginning of the text
  --activation --strategy --device --arithmetic --kv --cutoff --threads, as for generate
  --json              print the points`;

export const sweep: Command = {
  about: "measures FATReLU thresholds on a text",
  help,
  async run(args) {
    const { values, positionals } = parse(args, { ...modelOptions, ...textOptions, out: { type: "string" } }, ["FILE"]);
    const list = required(values.t, "--t LIST, such as --t 0,0.01,0.02");
    const over = usage("--t", () => fatrelu(...numbersOf("--t", list)));
    const { on, names, window } = textOf(values);
    checkReference(values, names);
    const options = loadOptions({ ...values, t: undefined });
    if (values.out === undefined && !values.json) throw new UsageError("missing --out FILE (or --json to print the points)");
    if (values.out !== undefined && !/\.(json|csv)$/i.test(values.out))
      throw new UsageError(`--out writes .json and .csv; "${values.out}" is neither`);
    const out = values.out === undefined ? undefined : await prepareOut(values.out);
    checkText(values.text!);
    const { model, summary } = await openModel(positionals[0]!, options);
    const reference = await openReference(values, values.threads);
    const running = sweepModel(model, {
      over,
      on,
      measure: names,
      ...(reference && { reference }),
      ...(window === undefined ? {} : { window }),
      signal: abortOnInterrupt(),
    });
    const columns = columnsOf(
      names,
      Math.max(...over.map((policy) => policyText(policy).length)),
      model.strategy === "predicted",
    );
    const table = tableOf(columns);
    let origin: string | null = null;
    if (!values.json) print(table.head);
    try {
      for await (const point of running) {
        if (values.json) continue;
        origin = point.provenance.reference ?? "";
        print(table.row(columns.map(({ value }) => value(point))));
      }
    } finally {
      if (out !== undefined) await save(out as `${string}.json`, running.points);
    }
    if (values.json) printJson(plain(running.points, "points"));
    else {
      note(summary);
      if (origin) note(`KL and top-1 agreement against ${origin}`);
      note(`${running.points.length} points written to ${values.out}`);
    }
    reference?.dispose();
    model.dispose();
  },
};

const recallOf = ({ predictor }: Point<string>) => (100 * predictor!.recall.mean("layer").data[0]!).toFixed(2);
const predictedOf = ({ predictor }: Point<string>) => (100 * predictor!.predictedSparsity.mean("layer").data[0]!).toFixed(2);

/** A column for each measure; recall and predicted sparsity wherever the strategy predicts. */
function columnsOf(
  names: readonly Measure[],
  width: number,
  predicted: boolean,
): (Column & { value(point: Point<Measure>): string })[] {
  const made: Record<Measure, Column & { value(point: Point<Measure>): string }> = {
    sparsity: { head: "zeros in x₁, %", value: ({ sparsity }) => (100 * sparsity.mean).toFixed(2) },
    perplexity: { head: "perplexity", value: ({ perplexity }) => perplexity.value.toFixed(4) },
    kl: { head: "KL, nats", width: 9, value: ({ kl }) => kl.mean.toFixed(5) },
    predictor: { head: "recall, %", value: recallOf },
    top1: { head: "same top token, %", value: ({ top1 }) => (100 * top1.agreement).toFixed(2) },
  };
  return [
    { head: "setting", width, side: "left", value: ({ setting }) => policyText(setting) },
    ...names.map((name) => made[name]),
    ...(predicted && !names.includes("predictor") ? [made.predictor] : []),
    ...(predicted ? [{ head: "predicted sparsity, %", value: predictedOf }] : []),
  ];
}
