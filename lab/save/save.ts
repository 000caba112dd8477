/** `save`: writes results to a file, in the format of its ending. */
import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, extname, resolve } from "node:path";
import { throwIfAborted } from "../abort.js";
import { checkSignal } from "../check.js";
import { notebook } from "../display.js";
import { checkOptions, LabError } from "../errors.js";
import type { Checked, Loose } from "../literals.js";
import { refusePromise } from "../promised.js";
import { received } from "../received.js";
import { type Arrays, namedArrays } from "./arrays.js";
import { writeNpz } from "./npz.js";
import { csvText, jsonText } from "./plain.js";
import { writeSafetensors } from "./safetensors.js";

export interface SaveOptions {
  readonly signal?: AbortSignal;
}
type SavePath = `${string}.${"json" | "csv" | "npz" | "safetensors"}`;
type Write = (piece: Uint8Array) => Promise<void>;

const texts: Readonly<Record<string, (value: object) => string>> = { ".json": jsonText, ".csv": csvText };
const arrays: Readonly<Record<string, (value: Arrays, write: Write) => Promise<void>>> = {
  ".npz": writeNpz,
  ".safetensors": writeSafetensors,
};

/**
 * Writes a report, points, a run, its captures, a tensor, or any plain value. The path is relative to the notebook's folder.
 *
 * - `.json`: the record; NaN and infinities become null.
 * - `.csv`: a row for each record, or for each value of a tensor.
 * - `.npz` (`numpy.load`) and `.safetensors`: named arrays, bit for bit. Nested names are joined by dots; a single array is called "data";
 *   the axes of a tensor "x" are "x.dims".
 * @param path ends in .json, .csv, .npz or .safetensors; a missing folder is made, an existing file is replaced
 * @param value is copied; of more than 64 MiB of arrays, nothing may change before `save` has finished
 * @param options.signal stops the writing; nothing is left of the file then. Default: the running cell's stop button
 * @defaultValue `signal`: the running cell's stop button
 * @throws LabError invalid-option for another ending, and for values that the format cannot hold; aborted
 * @example
 * await save("results/points.csv", points);
 * await save("results/prompt.npz", await model.run("One day", { capture: "blocks.*.ffn.mid" }));
 */
export async function save<const S extends Loose<SavePath>>(
  path: Checked<S, SavePath>,
  value: object,
  options: SaveOptions = {},
): Promise<void> {
  refusePromise("save", value);
  if (typeof path !== "string") throw new LabError("invalid-option", `save needs the path of a file, received ${received(path)}`);
  const kind = extname(path).toLowerCase();
  const known = [...Object.keys(texts), ...Object.keys(arrays)];
  if (kind === ".gguf") throw new LabError("invalid-option", `save to ".gguf" is not available yet; use ${known.join(", ")}`);
  if (!known.includes(kind)) throw new LabError("invalid-option", `save writes ${known.join(", ")}; "${path}" is none of them`);
  const full = resolve(path);
  checkOptions("save", options, ["signal"]);
  const signal = checkSignal(options.signal) ?? notebook()?.signal();
  // The whole value is looked at before the file is made.
  const text = texts[kind]?.(value);
  const named = arrays[kind] && namedArrays(value);
  throwIfAborted(signal);
  const fill = (write: Write) => (text === undefined ? arrays[kind]!(named!, write) : write(new TextEncoder().encode(text)));
  await writeWhole(full, fill, signal);
}

/**
 * Under another name first, so that a file which could not be finished is not taken for a result. The name is this call's own: two calls may
 * write the same file, and the last one to finish gives it.
 */
async function writeWhole(path: string, fill: (write: Write) => Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  const unfinished = `${path}.${randomUUID().slice(0, 8)}.unfinished`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(unfinished, "wx");
    try {
      await fill(async (piece) => {
        throwIfAborted(signal);
        await file.writeFile(piece);
      });
    } finally {
      await file.close();
    }
    throwIfAborted(signal);
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw error instanceof LabError ? error : cannotWrite(path, error);
  }
}

function cannotWrite(path: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code !== "string") return error;
  const why = code === "EISDIR" ? "it is a folder" : (error as Error).message;
  return new LabError("invalid-option", `save cannot write "${path}": ${why}`, { cause: error });
}
