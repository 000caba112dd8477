/** The file that a command writes (`--out`): checked, and its folder created, before the command does its work. */
import { constants } from "node:fs";
import { access, mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { LabError } from "../lab/errors.js";
import { UsageError } from "./arguments.js";

/** Returns the file's absolute path. */
export async function prepareOut(file: string): Promise<string> {
  if (file === "") throw new UsageError("--out must name a file");
  const path = resolve(file);
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() || /[/\\]$/.test(file)) throw new UsageError(`--out must name a file; ${file} is a folder`);
  try {
    await mkdir(dirname(path), { recursive: true });
    await access(found ? path : dirname(path), constants.W_OK);
  } catch (error) {
    throw new LabError("bad-file", `--out ${file} cannot be written: ${(error as Error).message}`, { cause: error });
  }
  return path;
}
