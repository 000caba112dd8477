/** `sparselab tokenize`: prints the token ids of a text file. Needs only the model file's vocabulary. */
import { readFile } from "node:fs/promises";
import { LabError } from "../../lab/errors.js";
import { readHeader } from "../../lab/model/load.js";
import { modelPath } from "../../lab/model/path.js";
import { createTokenizer } from "../../lab/tokenizer/index.js";
import { type Command, parse, required } from "../arguments.js";
import { out, printJson } from "../model.js";

const help = `usage: sparselab tokenize FILE --text-file TEXT [--lines] [--special] [--json]

Prints the token ids of the whole text on one line, separated by spaces.
FILE may hold only a vocabulary. By default no BOS and EOS are added, and the text of a special token is plain text.

  --text-file TEXT  the text, UTF-8
  --lines           print a line of ids for each line of the text; only \\n ends a line, and spaces are kept
  --special         add BOS and EOS as the vocabulary says, and read the text of a special token as that token
  --json            print an array of ids; with --lines an array of arrays`;

export const tokenize: Command = {
  about: "prints the token ids of a text file",
  help,
  async run(args) {
    const { values, positionals } = parse(
      args,
      { "text-file": { type: "string" }, lines: { type: "boolean" }, special: { type: "boolean" } },
      ["FILE"],
      "the text goes into a file: --text-file TEXT",
    );
    const textFile = required(values["text-file"], "--text-file");
    const tokenizer = createTokenizer(await readHeader(modelPath(positionals[0])));
    const text = await readUtf8(textFile);
    const encode = (part: string) => tokenizer.encode(part, values.special ? { special: true } : { bos: false, special: false });
    const encoded = (values.lines ? linesOf(text) : [text]).map(encode);
    if (values.json) printJson(values.lines ? encoded : encoded[0]);
    else out(encoded.map((ids) => `${ids.join(" ")}\n`).join(""));
  },
};

/** The lines without their \n. An empty last one does not count. */
export function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

async function readUtf8(path: string): Promise<string> {
  const bytes = await readFile(path);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new LabError("bad-file", `${path} is not UTF-8 text`);
  }
}
