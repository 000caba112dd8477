/**
 * SHA-256 of a model's file (of a split model: of its parts laid end to end, as `cat PARTS | sha256sum` gives it), from the open descriptors and not from its path, which may lead to another file by now. It is read in pieces, so
 * that it can be stopped, and remembered for as long as the file is not touched.
 */
import { createHash } from "node:crypto";
import { untilAborted } from "../abort.js";
import { LabError } from "../errors.js";
import { callNative } from "../native.js";
import type { Weights } from "../runtime/weights.js";

const PIECE = 2 ** 20;
const known = new Map<string, string>();

/**
 * Hashes a model's file. A rename, a new link or a deletion changes its stamp: then it is read again, and its contents must be the same.
 * @param onProgress called with the share of the file that is read
 * @throws LabError bad-file where the contents are not those that were loaded, aborted
 */
export async function sha256Of(weights: Weights, signal?: AbortSignal, onProgress?: (fraction: number) => void): Promise<string> {
  for (let tries = 0; tries < 3; tries++) {
    const stamp = await callNative((addon) => addon.stamp(weights.native));
    const digest = known.get(stamp) ?? (await digestOf(weights, signal, onProgress));
    // The digest counts only if the file was not touched meanwhile.
    if (stamp !== (await callNative((addon) => addon.stamp(weights.native)))) continue;
    if (weights.sha256 !== undefined && weights.sha256 !== digest)
      throw new LabError("bad-file", `"${weights.table.path}" was changed after it was loaded; load it again`);
    weights.sha256 = digest;
    known.set(stamp, digest);
    return digest;
  }
  throw new LabError("bad-file", `"${weights.table.path}" keeps changing while it is read`);
}

async function digestOf(
  weights: Weights,
  signal: AbortSignal | undefined,
  onProgress: ((fraction: number) => void) | undefined,
): Promise<string> {
  const hash = createHash("sha256");
  const size = weights.table.fileBytes;
  const read = (into: Uint8Array, at: number) => callNative((addon) => addon.read(weights.native, into, at));
  // One piece is read while the previous one is hashed.
  let [piece, next] = [new Uint8Array(PIECE), new Uint8Array(PIECE)];
  let pending = read(piece, 0);
  for (let at = 0; at < size; ) {
    const bytes = await untilAborted(pending, signal);
    if (bytes === 0) break; // The file was truncated: its stamp changes, too.
    at += bytes;
    pending = at < size ? read(next, at) : Promise.resolve(0);
    hash.update(piece.subarray(0, bytes));
    [piece, next] = [next, piece];
    onProgress?.(at / size);
  }
  return hash.digest("hex");
}
