/** A corpus: the text that is measured, a file or a string. `windows.ts` cuts it into windows. */
import { basename, resolve } from "node:path";
import { checkCount } from "../check.js";
import { checkOptions, LabError } from "../errors.js";
import { refusePromise } from "../promised.js";
import { received } from "../received.js";

/** A text, tokenised as a whole, then cut into windows. */
export interface Corpus {
  readonly name: string;
  /** The file, as an absolute path; absent where the text is given itself. */
  readonly path?: string;
  /** The text itself; absent where it is in a file. */
  readonly text?: string;
  /** Measures only so many tokens, from the beginning. Default: all. */
  readonly maxTokens?: number;
}

/** Longer strings, and strings with line breaks, are texts rather than paths. */
const LONGEST_PATH = 4096;

/**
 * A plain text file in UTF-8, to measure a model on. The path is relative to the notebook's folder; the file is read when it is measured.
 * @param options.maxTokens measures only so many tokens, from the beginning
 * @defaultValue `maxTokens`: the whole text
 * @throws LabError invalid-option where it is not a path; `measure` and `sweep` throw bad-file where there is no such file
 * @example
 * const report = await measure(model, corpus("models/held.txt", { maxTokens: 2048 }), { measure: ["perplexity"] });
 */
export function corpus(path: string, options: { maxTokens?: number } = {}): Corpus {
  refusePromise("corpus", path);
  if (typeof path !== "string" || path === "")
    throw new LabError("invalid-option", 'corpus needs the path of a text file; a text itself is corpus.text("…")');
  if (path.length > LONGEST_PATH || /[\r\n\0]/.test(path)) {
    throw new LabError(
      "invalid-option",
      `corpus takes the path of a text file, and ${excerpt(path)} is a text. To measure the text itself: corpus.text(…)`,
    );
  }
  checkOptions("corpus", options, ["maxTokens"]);
  checkCount("maxTokens", options.maxTokens, 2);
  return Object.freeze({
    name: basename(path),
    path: resolve(path),
    ...(options.maxTokens === undefined ? {} : { maxTokens: options.maxTokens }),
  });
}

/**
 * A string as a corpus.
 * @param options.name its name in reports and figures
 * @param options.maxTokens measures only so many tokens, from the beginning
 * @defaultValue `name`: "text"; `maxTokens`: the whole text
 * @throws LabError invalid-option
 * @example
 * const report = await measure(model, corpus.text("The cat sat on the mat. ".repeat(50)), { measure: ["sparsity"], window: 64 });
 */
corpus.text = (text: string, options: { name?: string; maxTokens?: number } = {}): Corpus => {
  refusePromise("corpus.text", text);
  if (typeof text !== "string" || text === "")
    throw new LabError("invalid-option", `corpus.text needs a text, received ${text === "" ? "an empty one" : typeof text}`);
  checkOptions("corpus.text", options, ["name", "maxTokens"]);
  checkCount("maxTokens", options.maxTokens, 2);
  const { name = "text", maxTokens } = options;
  if (typeof name !== "string") throw new LabError("invalid-option", `name must be a string, received ${typeof name}`);
  return Object.freeze({ name, text, ...(maxTokens === undefined ? {} : { maxTokens }) });
};

/** The beginning of a text, for a message. */
export const excerpt = (text: string): string =>
  JSON.stringify(text.length > 40 ? `${[...text.slice(0, 42)].slice(0, 40).join("")}…` : text);

/** A copy of the corpus, which is read later. Where it is not a corpus, the error says what to write. */
export function checkCorpus(on: Corpus): Corpus {
  refusePromise("a corpus", on);
  if (typeof on === "string") {
    throw new LabError(
      "invalid-option",
      `a text file is given as corpus("file.txt"), a text itself as corpus.text("…"), received the string ${excerpt(on)}`,
    );
  }
  const known = typeof on === "object" && on !== null && (typeof on.path === "string" || typeof on.text === "string");
  if (!known || typeof on.name !== "string") {
    throw new LabError("invalid-option", `a text is given as corpus("file.txt") or corpus.text("…"), received ${received(on)}`);
  }
  const copy = Object.freeze({ ...on });
  checkCount("maxTokens", copy.maxTokens, 2);
  return copy;
}
