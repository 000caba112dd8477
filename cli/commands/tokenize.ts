/** `sparselab tokenize`: a text file as token ids. Needs only the vocabulary of the file. */
import { readFile } from "node:fs/promises";
import { LabError } from "../../lab/errors.js";
import { readHeader } from "../../lab/model/load.js";
import { modelPath } from "../../lab/model/path.js";
import { createTokenizer } from "../../lab/tokenizer/index.js";
import { type Command, parse, required } from "../arguments.js";
import { out, printJson } from "../model.js";

const help = `usage: sparselab tokenize FILE --text-file TEXT [--lines] [--special] [--json]

Prints token ids separated by single spaces: those of the whole text on one line.
FILE may hold only a vocabulary. Plain: no BOS, no EOS, and texts of special tokens are text.

  --text-file TEXT  the text, UTF-8
  --lines           one line of ids for each line of the text; lines end at \\n only, their spaces are kept
  --special         BOS and EOS as the vocabulary asks, and texts of special tokens become those tokens
  --json            an array of ids; with --lines an array of arrays`;

export const tokenize: Command = {
  about: "a text file as token ids",
  help,
  async run(args) {
    const { values, positionals } = parse(
      args,
      { "text-file": { type: "string" }, lines: { type: "boolean" }, special: { type: "boolean" } },
      ["FILE"],
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

/** Each line without its \n; what follows the last \n is a line only where there is something. */
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
