/**
 * Writes the kernelspec `sparselab` under a prefix: `PREFIX/share/jupyter/kernels/sparselab/kernel.json`.
 * As a command: `node dist/kernel/install.js --prefix PREFIX`.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

export const KERNEL_NAME = "sparselab";

export function kernelspec(): object {
  return {
    argv: [process.execPath, fileURLToPath(new URL("./server/main.js", import.meta.url)), "{connection_file}"],
    display_name: "sparselab (TypeScript)",
    language: "typescript",
    interrupt_mode: "message",
    metadata: { debugger: false },
  };
}

/**
 * @param prefix an environment's folder (`.venv`), or `~/.local` for the user
 * @returns the folder of the kernelspec
 */
export function installKernel(prefix: string): string {
  const folder = kernelFolder(prefix);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "kernel.json"), `${JSON.stringify(kernelspec(), null, 2)}\n`);
  return folder;
}

/** Removes what `installKernel` wrote. */
export function uninstallKernel(prefix: string): string {
  const folder = kernelFolder(prefix);
  rmSync(folder, { recursive: true, force: true });
  return folder;
}

const kernelFolder = (prefix: string): string => join(prefix, "share", "jupyter", "kernels", KERNEL_NAME);

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { prefix } = parseArgs({ options: { prefix: { type: "string" } } }).values;
  if (!prefix) throw new Error("usage: install.js --prefix FOLDER");
  process.stdout.write(`${installKernel(prefix)}\n`);
}
