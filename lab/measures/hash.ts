/** SHA-256 of a file, read as a stream; remembered for as long as the file's size and time of change stay the same. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { aborted } from "../model/queue.js";

const known = new Map<string, { readonly stamp: string; readonly sha256: string }>();

export async function sha256(path: string, signal?: AbortSignal): Promise<string> {
  const { size, mtimeMs, ino } = await stat(path);
  const stamp = `${size} ${mtimeMs} ${ino}`;
  const found = known.get(path);
  if (found?.stamp === stamp) return found.sha256;
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20, ...(signal && { signal }) }))
      hash.update(chunk as Buffer);
  } catch (error) {
    if (signal?.aborted) throw aborted(signal);
    throw error;
  }
  const digest = hash.digest("hex");
  known.set(path, { stamp, sha256: digest });
  return digest;
}
