/**
 * SHA-256 of a model's file, from the descriptor that was opened and not from its path, where another file may lie by now. Read in pieces,
 * so a stop is heard, and remembered for as long as nothing touches the file.
 */
import { createHash } from "node:crypto";
import { untilAborted } from "../abort.js";
import { LabError } from "../errors.js";
import { calling } from "../native.js";
import type { Weights } from "../runtime/weights.js";

const PIECE = 2 ** 20;
const known = new Map<string, string>();

/**
 * Of a model's file. A rename, a new link or a deletion changes its stamp: then it is read again, and must be what it was.
 * @param onProgress share of the file that is read
 * @throws LabError bad-file where the contents are not those that were loaded, aborted
 */
export async function sha256Of(weights: Weights, signal?: AbortSignal, onProgress?: (fraction: number) => void): Promise<string> {
  for (let tries = 0; tries < 3; tries++) {
    const stamp = await calling((addon) => addon.stamp(weights.native));
    const digest = known.get(stamp) ?? (await digestOf(weights, signal, onProgress));
    // Only a digest of a file that nobody touched meanwhile counts.
    if (stamp !== (await calling((addon) => addon.stamp(weights.native)))) continue;
    if (weights.sha256 !== undefined && weights.sha256 !== digest)
      throw new LabError("bad-file", `"${weights.table.path}" was changed after it was loaded; load it again`);
    weights.sha256 = digest;
    known.set(stamp, digest);
    return digest;
  }
  throw new LabError("bad-file", `"${weights.table.path}" is changed again and again while it is read`);
}

async function digestOf(
  weights: Weights,
  signal: AbortSignal | undefined,
  onProgress: ((fraction: number) => void) | undefined,
): Promise<string> {
  const hash = createHash("sha256");
  const size = weights.table.fileBytes;
  const read = (into: Uint8Array, at: number) => calling((addon) => addon.read(weights.native, into, at));
  // One piece is read while the one before is hashed.
  let [piece, next] = [new Uint8Array(PIECE), new Uint8Array(PIECE)];
  let pending = read(piece, 0);
  for (let at = 0; at < size; ) {
    const bytes = await untilAborted(pending, signal);
    if (bytes === 0) break; // It was cut: its stamp says so, too.
    at += bytes;
    pending = at < size ? read(next, at) : Promise.resolve(0);
    hash.update(piece.subarray(0, bytes));
    [piece, next] = [next, piece];
    onProgress?.(at / size);
  }
  return hash.digest("hex");
}
