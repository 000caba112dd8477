/** `sparselab measure`: a model over a text. */
import { type Displayable, displaySymbol } from "../../lab/display.js";
import { corpus } from "../../lab/measures/corpus.js";
import { checkMeasures } from "../../lab/measures/job.js";
import { measure as measureModel } from "../../lab/measures/measure.js";
import type { Measure } from "../../lab/measures/report.js";
import { plain } from "../../lab/save.js";
import { type Command, countOf, modelOptions, parse, required, usage } from "../arguments.js";
import { loadOptions, openModel, print, printJson, stopKey, tell } from "../model.js";

const help = `usage: sparselab measure FILE --text TEXT --measure sparsity,perplexity [options]

  --text TEXT         a UTF-8 text file; tokenised as a whole, cut into windows, the second half of each is scored
  --measure NAMES     sparsity, perplexity, kl, top1, parted by commas; kl and top1 compare with the model as it was trained
  --window N          tokens of a window; default min(512, context)
  --max-tokens N      only the beginning of the text
  --activation --strategy --t --threads, as for generate
  --json              the whole report with its provenance`;

/** Options that `measure` and `sweep` share. */
export const textOptions = {
  text: { type: "string" },
  measure: { type: "string" },
  window: { type: "string" },
  "max-tokens": { type: "string" },
} as const;

export function textOf(values: {
  readonly text?: string | undefined;
  readonly measure?: string | undefined;
  readonly window?: string | undefined;
  readonly "max-tokens"?: string | undefined;
}) {
  const names = required(values.measure, "--measure").split(",") as Measure[];
  usage("--measure", () => checkMeasures(names));
  const maxTokens = countOf("--max-tokens", values["max-tokens"], 2);
  const window = countOf("--window", values.window, 4);
  return {
    on: corpus(required(values.text, "--text"), maxTokens === undefined ? {} : { maxTokens }),
    names,
    ...(window === undefined ? {} : { window }),
  };
}

export const measure: Command = {
  about: "a model over a text: sparsity, perplexity, KL, top-1 agreement",
  help,
  async run(args) {
    const { values, positionals } = parse(args, { ...modelOptions, ...textOptions }, ["FILE"]);
    const { on, names, window } = textOf(values);
    const { model, summary } = await openModel(positionals[0]!, loadOptions(values));
    const reference = model.with({ policy: { kind: "as-trained" } });
    const report = await measureModel(model, on, {
      measure: names,
      reference,
      ...(window === undefined ? {} : { window }),
      signal: stopKey(),
    });
    if (values.json) printJson(plain(report, "report"));
    else {
      tell(summary);
      print(String((await (report as unknown as Displayable)[displaySymbol]())["text/plain"]));
    }
    reference.dispose();
    model.dispose();
  },
};
