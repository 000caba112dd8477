/**
 * The notebooks folder as git has it staged, whatever a user has saved, changed or added there since. Tests read that version. In a copy of
 * the project without git it is the folder on disk.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { inClone } from "./paths.mjs";

/** git's output, or undefined without git or outside our repository. A clone that another user owns is read, too. */
function git(args, input) {
  const { status, stdout } = spawnSync("git", ["-c", "safe.directory=*", "-C", inClone(), ...args], {
    input,
    maxBuffer: 1 << 26,
  });
  return status === 0 ? stdout.toString() : undefined;
}

const names = (answer) => answer?.split("\0").filter(Boolean);

/** Paths below the clone of the committed files in `folder`, or undefined without git. */
export function committedFiles(folder) {
  const found = names(git(["ls-files", "-z", "--", folder]));
  return found?.length ? found : undefined;
}

/** Of these, the ones that were changed since, or deleted. */
export const changedFiles = (folder) => names(git(["diff", "-z", "--name-only", "HEAD", "--", folder])) ?? [];

/** Writes the committed files of `folder` below `to`, which is emptied before. Returns the path of the copy. */
export function copyCommitted(folder, to) {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  const files = committedFiles(folder);
  if (files === undefined) cpSync(inClone(folder), join(to, folder), { recursive: true });
  else if (git(["checkout-index", "-z", "--stdin", `--prefix=${to}/`], files.join("\0")) === undefined)
    throw new Error(`git could not write its files of ${folder} into ${to}`);
  return join(to, folder);
}
