/**
 * Installs the kernelspec `sparselab` (kernel.json and its logos) where Jupyter looks for kernels, and removes it.
 * As a command: `node dist/kernel/install.js --prefix PREFIX`.
 */
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

export const KERNEL_NAME = "sparselab";
/** The file names that front ends look for. */
const LOGOS = ["logo-32x32.png", "logo-64x64.png", "logo-svg.svg"];

/** The package's folder. Found by its name, since this file's depth in it changes when it is compiled. */
const root = dirname(createRequire(import.meta.url).resolve("sparselab/package.json"));

export function kernelspec(): object {
  return {
    argv: [process.execPath, join(root, "dist", "kernel", "server", "main.js"), "{connection_file}"],
    display_name: "sparselab (TypeScript)",
    language: "typescript",
    interrupt_mode: "message",
    metadata: { debugger: false },
  };
}

/**
 * Jupyter's data folder: under a prefix (an environment such as `.venv`), or the user's, by Jupyter's own rules.
 * https://docs.jupyter.org/en/latest/use/jupyter-directories.html
 */
export function dataFolder(prefix?: string, env: NodeJS.ProcessEnv = process.env, platform = process.platform): string {
  if (prefix !== undefined) return resolve(prefix, "share", "jupyter");
  if (env.JUPYTER_DATA_DIR) return resolve(env.JUPYTER_DATA_DIR);
  const home = env.HOME || homedir();
  if (platform === "darwin") {
    const platformFolders = !["", "0", "n", "no", "false", "off"].includes((env.JUPYTER_PLATFORM_DIRS ?? "").toLowerCase());
    return platformFolders ? join(home, "Library", "Application Support", "jupyter") : join(home, "Library", "Jupyter");
  }
  return join(env.XDG_DATA_HOME || join(home, ".local", "share"), "jupyter");
}

const kernelFolder = (prefix?: string): string => join(dataFolder(prefix), "kernels", KERNEL_NAME);

/**
 * @param prefix an environment's folder; default: the user's data folder
 * @returns the folder of the kernelspec
 */
export function installKernel(prefix?: string): string {
  const folder = kernelFolder(prefix);
  mkdirSync(folder, { recursive: true });
  for (const logo of LOGOS) copyFileSync(join(root, "kernel", "logos", logo), join(folder, logo));
  writeFileSync(join(folder, "kernel.json"), `${JSON.stringify(kernelspec(), null, 2)}\n`);
  return folder;
}

/** Removes the kernelspec; `removed` is false where there was none. */
export function uninstallKernel(prefix?: string): { readonly folder: string; readonly removed: boolean } {
  const folder = kernelFolder(prefix);
  const removed = existsSync(folder);
  rmSync(folder, { recursive: true, force: true });
  return { folder, removed };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { prefix } = parseArgs({ options: { prefix: { type: "string" } } }).values;
  if (!prefix) throw new Error("usage: install.js --prefix FOLDER");
  process.stdout.write(`${installKernel(prefix)}\n`);
}
