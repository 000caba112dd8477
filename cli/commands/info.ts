/** `sparselab info`: describes a model file, or a file that holds only a vocabulary. */

import { describeFile } from "../../lab/model/description.js";
import { closeFile, openFile } from "../../lab/model/load.js";
import { modelPath } from "../../lab/model/path.js";
import { type Command, parse } from "../arguments.js";
import { loadOptions, print, printJson } from "../model.js";

const help = `usage: sparselab info FILE [--activation NAME] [--json]

Prints container and architecture, shapes, weight types, the activation and its source, predictors, tokenizer, memory.

  --activation NAME   describe the model with this activation`;

export const info: Command = {
  about: "describes a model file",
  help,
  async run(args) {
    const { values, positionals } = parse(args, { activation: { type: "string" } }, ["FILE"]);
    const { activation } = loadOptions(values);
    const opened = await openFile(modelPath(positionals[0]));
    try {
      const facts = await describeFile(opened, activation);
      if (values.json) printJson(Object.fromEntries(facts.map(({ key, value }) => [key, value])));
      else {
        const width = Math.max(...facts.map(({ label }) => label.length));
        for (const { label, text } of facts) print(`${label.padEnd(width)}  ${text}`);
      }
    } finally {
      closeFile(opened);
    }
  },
};
