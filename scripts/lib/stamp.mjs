/**
 * Whether a build product is current: a stamp beside it holds a hash of everything it was made from. Contents are hashed rather than times,
 * because a checkout changes times. The stamp is in the product's folder, so deleting the product deletes it.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { inClone } from "./paths.mjs";

const skipped = new Set(["node_modules", ".venv", "build", "dist", "output", "__pycache__", ".ipynb_checkpoints"]);

/** Paths of the files under `path` (itself, where it is a file) whose name matches, in a fixed order. */
export function filesUnder(path, matches) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return matches.test(path) ? [path] : [];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => !skipped.has(entry.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => filesUnder(join(path, entry.name), matches));
}

/** A hash of these files and of these facts (a tool's version, a path) together. */
export function fingerprint(files, facts = []) {
  const hash = createHash("sha256");
  for (const fact of facts) hash.update(`fact ${fact}\n`);
  for (const file of files) hash.update(`file ${file}\n`).update(readFileSync(file));
  return hash.digest("hex");
}

/** Below the clone's root, named files and folders with names that match. */
export const inputs = (names, matches = /./) => names.flatMap((name) => filesUnder(inClone(name), matches));

export const isCurrent = (stamp, hash) => existsSync(stamp) && readFileSync(stamp, "utf8") === hash;
export function writeStamp(stamp, hash) {
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, hash);
}
