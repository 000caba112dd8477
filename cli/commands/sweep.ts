/** `sparselab sweep`: FATReLU thresholds over a text, to a file of points. */
import type { Measure, Point } from "../../lab/measures/report.js";
import { fatrelu, policyText } from "../../lab/policy/policy.js";
import { plain, save } from "../../lab/save.js";
import { sweep as sweepModel } from "../../lab/sweep/sweep.js";
import { type Command, modelOptions, numbersOf, parse, required, UsageError, usage } from "../arguments.js";
import { loadOptions, openModel, print, printJson, stopKey, tell } from "../model.js";
import { textOf, textOptions } from "./measure.js";

const help = `usage: sparselab sweep FILE --text TEXT --t 0,0.01,0.02 --measure sparsity,perplexity,kl --out POINTS.json [options]

All thresholds run side by side: the weights are walked once for all of them.

  --text TEXT         a UTF-8 text file; tokenised as a whole, cut into windows, the second half of each is scored
  --t LIST            FATReLU thresholds parted by commas
  --measure NAMES     sparsity, perplexity, kl, top1, parted by commas; kl and top1 compare with the model as it was trained
  --out FILE          .json (an array of points) or .csv; stopped by Ctrl-C, it holds the points so far with "done": false
  --window N          tokens of a window; default min(512, context)
  --max-tokens N      only the beginning of the text
  --activation --strategy --threads, as for generate
  --json              print the points`;

export const sweep: Command = {
  about: "FATReLU thresholds over a text",
  help,
  async run(args) {
    const { values, positionals } = parse(args, { ...modelOptions, ...textOptions, out: { type: "string" } }, ["FILE"]);
    const list = required(values.t, "--t");
    const over = usage("--t", () => fatrelu(...numbersOf("--t", list)));
    const { on, names, window } = textOf(values);
    const out = values.out;
    if (out === undefined && !values.json) throw new UsageError("missing --out FILE (or --json to print the points)");
    if (out !== undefined && !/\.(json|csv)$/i.test(out))
      throw new UsageError(`--out writes .json and .csv; "${out}" is neither`);
    const { model, summary } = await openModel(positionals[0]!, loadOptions({ ...values, t: undefined }));
    const running = sweepModel(model, {
      over,
      on,
      measure: names,
      ...(window === undefined ? {} : { window }),
      signal: stopKey(),
    });
    try {
      for await (const point of running) if (!values.json) print(line(point));
    } finally {
      if (out !== undefined && running.points.length > 0) await save(out as `${string}.json`, running.points);
    }
    if (values.json) printJson(plain(running.points, "points"));
    else tell(`${summary}\n${running.points.length} points written to ${out}`);
    model.dispose();
  },
};

function line(point: Point<Measure>): string {
  const { sparsity, perplexity, kl, top1 } = point as Partial<Point<Measure>>;
  const parts = [policyText(point.setting).padEnd(12)];
  if (sparsity) parts.push(`zeros ${(100 * sparsity.mean).toFixed(2)} %`);
  if (perplexity) parts.push(`perplexity ${perplexity.value.toFixed(4)}`);
  if (kl) parts.push(`KL ${kl.mean.toFixed(5)}`);
  if (top1) parts.push(`same top token ${(100 * top1.agreement).toFixed(2)} %`);
  return parts.join("  ");
}
