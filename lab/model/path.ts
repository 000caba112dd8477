/**
 * The path of a model file as it was written: an address, `~` or another program's way of naming a model is told as such, and a file that
 * is not there with the nearest that is.
 */
import { existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { LabError, nearest } from "../errors.js";
import { received } from "../received.js";

const bad = (path: string, what: string): LabError => new LabError("bad-file", `cannot open ${JSON.stringify(path)}: ${what}`);

/** What the beginning of a path tells, and what to do. The first match counts. */
const KINDS: readonly (readonly [RegExp, (path: string, rest: string) => string])[] = [
  [/\0/, () => "a path holds no NUL character; take it out"],
  [
    /^(?:https?|ftp|s3|gs):\/\//i,
    (path) =>
      `this is an address, and only files load: download it first (curl -L -O ${JSON.stringify(path)}), then load the file`,
  ],
  [
    /^(?:hf|huggingface|ollama|modelscope|ms):(?:\/\/)?/i,
    (_, rest) =>
      `this names a model on a server, and load takes a file: download the model's .gguf file there (on Hugging Face: hf download ${rest.replace(/[@:].*$/, "") || "OWNER/MODEL"} --include "*.gguf" --local-dir .), then load that file`,
  ],
  [
    /^file:/i,
    (path) => {
      try {
        return `this is an address, and load takes a path: ${JSON.stringify(fileURLToPath(path))}`;
      } catch {
        return 'this is an address, and load takes a path, as in "/home/me/model.gguf"';
      }
    },
  ],
  [/^~(?:[/\\]|$)/, (_, rest) => `~ is expanded by a shell and not here: write ${JSON.stringify(join(homedir(), rest))}`],
];

/**
 * The absolute path of what is to be opened, where the words of it can be one.
 * @throws LabError bad-file, with what to write instead; invalid-option for what is no text.
 */
export function modelPath(path: unknown): string {
  if (path instanceof URL) return modelPath(path.href);
  if (typeof path !== "string" || path === "")
    throw new LabError("invalid-option", `load needs the path of a model file, received ${received(path)}`);
  for (const [kind, told] of KINDS) {
    const match = kind.exec(path);
    // A file may be called so all the same.
    if (match && (path.includes("\0") || !existsSync(path))) throw bad(path, told(path, path.slice(match[0].length)));
  }
  return resolve(path);
}

/**
 * Why a file could not be opened, where the folder can tell: what is in it that is called much the same, or which models a folder holds.
 * Undefined where the error that is there says all.
 */
export async function missingFile(path: string): Promise<LabError | undefined> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (!(found instanceof Error)) {
    if (!found.isDirectory()) return undefined;
    const models = await modelsIn(path);
    return bad(
      path,
      models.length === 0
        ? "it is a folder, and no .gguf file is in it"
        : `it is a folder; load a file in it: ${listed(models.map((name) => join(path, name)))}`,
    );
  }
  if (found.code !== "ENOENT" && found.code !== "ENOTDIR") return undefined;
  const folder = dirname(path);
  const names = await readdir(folder).catch(() => undefined);
  if (names === undefined)
    return bad(
      path,
      `No such file: the folder ${JSON.stringify(folder)} is not there. Paths count from ${JSON.stringify(process.cwd())}`,
    );
  const models = names.filter(isModel);
  const near = nearest(basename(path), models) ?? nearest(basename(path), names);
  if (near !== undefined) return bad(path, `No such file. Did you mean ${JSON.stringify(shown(join(folder, near)))}?`);
  const others = models.length === 0 ? "" : `. Models there: ${listed(models)}`;
  return bad(path, `No such file in ${JSON.stringify(folder)}${others}`);
}

const isModel = (name: string): boolean => /\.gguf$/i.test(name);
const modelsIn = async (folder: string): Promise<string[]> => (await readdir(folder).catch(() => [])).filter(isModel).sort();
/** As it would be written: relative where that is shorter. */
const shown = (path: string): string => {
  const near = relative(process.cwd(), path);
  return near.length < path.length ? near : path;
};
const listed = (names: readonly string[]): string =>
  names
    .slice(0, 5)
    .map((name) => JSON.stringify(shown(name)))
    .join(", ") + (names.length > 5 ? `, and ${names.length - 5} more` : "");
