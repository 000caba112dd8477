/** `sparselab measure`: measures a model on a text. */
import { existsSync } from "node:fs";
import { LabError } from "../../lab/errors.js";
import { corpus } from "../../lab/measures/corpus.js";
import { checkMeasures } from "../../lab/measures/job.js";
import { measure as measureModel } from "../../lab/measures/measure.js";
import type { Measure } from "../../lab/measures/report.js";
import { reportOrigin, reportRows } from "../../lab/measures/report-display.js";
import type { Model } from "../../lab/model/model.js";
import { plain } from "../../lab/save/plain.js";
import { type Command, countOf, modelOptions, parse, required, usage } from "../arguments.js";
import { abortOnInterrupt, loadOptions, note, openModel, print, printJson } from "../model.js";
import { checkReference, needReference, openReference, referenceHelp, referenceOptions } from "../reference.js";
import { tableOf } from "../table.js";

const help = `usage: sparselab measure FILE --text TEXT [--measure sparsity,perplexity] [options]

  --text TEXT         a UTF-8 text file; tokenised as a whole, cut into windows, of which the second half is scored
  --measure NAMES     sparsity, perplexity, kl, top1, separated by commas; default sparsity,perplexity
${referenceHelp}
  --window N          tokens per window; default min(512, context)
  --max-tokens N      use only the beginning of the text
  --activation --strategy --device --arithmetic --kv --cutoff --t --threads, as for generate; with --strategy predicted the report has recall and
                      predicted sparsity
  --json              print the whole report with its provenance`;

/** Options that `measure` and `sweep` share. */
export const textOptions = {
  text: { type: "string" },
  measure: { type: "string" },
  window: { type: "string" },
  "max-tokens": { type: "string" },
  ...referenceOptions,
} as const;

export function textOf(values: {
  readonly text?: string | undefined;
  readonly measure?: string | undefined;
  readonly window?: string | undefined;
  readonly "max-tokens"?: string | undefined;
}) {
  const given = (values.measure ?? "sparsity,perplexity").split(",").map((name) => name.trim());
  const names = [...new Set(given)] as Measure[];
  usage("--measure", () => checkMeasures(names));
  const maxTokens = countOf("--max-tokens", values["max-tokens"], 2);
  const window = countOf("--window", values.window, 4);
  const text = required(values.text, "--text TEXT, a text file");
  return {
    on: usage("--text", () => corpus(text, maxTokens === undefined ? {} : { maxTokens })),
    names,
    ...(window === undefined ? {} : { window }),
  };
}

/** Throws where the text file is missing, before the model is opened. */
export function checkText(path: string): void {
  if (!existsSync(path)) throw new LabError("bad-file", `--text "${path}": no such file`);
}

export const measure: Command = {
  about: "measures a model on a text: sparsity, perplexity, KL, top-1 agreement",
  help,
  async run(args) {
    const { values, positionals } = parse(args, { ...modelOptions, ...textOptions }, ["FILE"]);
    const { on, names, window } = textOf(values);
    const [file] = positionals as [string];
    const options = loadOptions(values);
    checkReference(values, names);
    needReference(values, names, file);
    checkText(values.text!);
    const { model, summary } = await openModel(file, options);
    const reference = await openReference(values, values.threads);
    if (reference && sameSetting(model, reference))
      note("the reference is the same file with the same activation and policy: kl is 0 and top1 is 1");
    const report = await measureModel(model, on, {
      measure: names,
      ...(reference && { reference }),
      ...(window === undefined ? {} : { window }),
      signal: abortOnInterrupt(),
    });
    if (values.json) printJson(plain(report, "report"));
    else {
      note(summary);
      const rows = reportRows(report);
      const table = tableOf([
        { head: "", width: Math.max(...rows.map(([name]) => name.length)), side: "left" },
        { head: "", side: "left" },
      ]);
      for (const row of rows) print(table.row(row));
      note(reportOrigin(report));
    }
    reference?.dispose();
    model.dispose();
  },
};

function sameSetting(a: Model, b: Model): boolean {
  // Of an infinite cutoff, too: JSON has no infinity.
  const of = ({ path, activation, policy, cutoff }: Model) =>
    JSON.stringify([path, activation.name, policy.kind === "fatrelu" ? policy.t : activation.t, String(cutoff)]);
  return of(a) === of(b);
}
