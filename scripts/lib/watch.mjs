/**
 * Calls a function again whenever a file below some folders changes. Each folder is watched by itself: fs.watch({ recursive }) of Node 20 follows
 * a file's inode on Linux, and loses a file that an editor saves by renaming.
 */
import { existsSync, readdirSync, statSync, watch } from "node:fs";
import { basename, dirname, join } from "node:path";

/** Folders at and below `path`. */
function foldersBelow(path) {
  const inner = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [path, ...inner.flatMap((entry) => foldersBelow(join(path, entry.name)))];
}

/**
 * Calls `work([])` now, and `work(names)` after files change at or below `paths` (files or folders) whose name matches. One call at a
 * time: whatever changes during a call leads to one more. `quiet` ms without a change must pass first, since an editor writes in steps.
 * Returns a function that ends the watch.
 */
export function again(paths, matches, work, { quiet = 50 } = {}) {
  const watched = new Map();
  const pending = new Set();
  let timer;
  let first = true;
  let running = false;
  let ended = false;

  async function go() {
    if (running || ended) return;
    running = true;
    while ((first || pending.size > 0) && !ended) {
      const names = [...pending];
      pending.clear();
      first = false;
      await work(names);
    }
    running = false;
  }
  function changed(name) {
    if (!matches.test(name)) return;
    pending.add(name);
    clearTimeout(timer);
    timer = setTimeout(go, quiet);
  }
  function follow(folder, isOurs, inner) {
    if (ended || watched.has(folder)) return;
    const watcher = watch(folder, (_, name) => {
      // A new folder is watched, and what it already holds counts as changed.
      if (inner) for (const file of followAll(folder)) changed(file);
      if (name !== null && isOurs(name)) changed(name);
    });
    watcher.on("error", () => drop(folder)); // the folder was deleted
    watched.set(folder, watcher);
  }
  function drop(folder) {
    watched.get(folder)?.close();
    watched.delete(folder);
  }
  /** Follows `root` and all below it, and forgets what was deleted. Returns the names of the files in folders that are new. */
  function followAll(root) {
    for (const folder of watched.keys()) if (!existsSync(folder)) drop(folder);
    if (!existsSync(root)) return [];
    const fresh = foldersBelow(root).filter((folder) => !watched.has(folder));
    for (const folder of fresh) follow(folder, () => true, true);
    return fresh.flatMap((folder) => readdirSync(folder));
  }

  for (const path of paths) {
    if (statSync(path).isDirectory()) followAll(path);
    else follow(dirname(path), (name) => paths.some((p) => dirname(p) === dirname(path) && basename(p) === name), false);
  }
  go();
  return () => {
    ended = true;
    clearTimeout(timer);
    for (const folder of [...watched.keys()]) drop(folder);
  };
}
