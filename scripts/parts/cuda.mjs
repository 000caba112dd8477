/**
 * CUDA's compiler, which is optional: without it the backend for a GPU is left out. For development it comes from PyPI's wheels, into an
 * environment of its own, .venv-cuda/.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { inClone } from "../lib/paths.mjs";
import { fingerprint, inputs, isCurrent, writeStamp } from "../lib/stamp.mjs";
import { run, step } from "../lib/step.mjs";
import { findPython } from "./tools.mjs";

const environment = inClone(".venv-cuda");

/** Where CMake finds it, in the same order (cuda/toolkit.cmake); undefined where it is missing. */
export function findNvcc(variables = process.env) {
  const folders = [
    ...(variables.PATH ?? "").split(":"),
    ...["CUDA_HOME", "CUDA_PATH"].flatMap((name) => (variables[name] ? [join(variables[name], "bin")] : [])),
    "/usr/local/cuda/bin",
    ...wheels(),
  ];
  return folders.map((folder) => join(folder, "nvcc")).find(existsSync);
}

function wheels() {
  const lib = join(environment, "lib");
  if (!existsSync(lib)) return [];
  return readdirSync(lib).map((python) => join(lib, python, "site-packages", "nvidia", "cu13", "bin"));
}

/** Installs the toolkit's wheels, pinned to CUDA 13.0: newer ones need a newer driver than most machines have. */
export async function toolkit() {
  const list = "scripts/cuda-requirements.txt";
  const stamp = join(environment, ".stamp");
  const hash = fingerprint(inputs([list]), [environment]);
  if (isCurrent(stamp, hash)) return;
  await step("CUDA's compiler into .venv-cuda/: pip install", async () => {
    await run(await findPython(), ["-m", "venv", environment]);
    const pip = [join(environment, "bin", "python"), ["-m", "pip", "install", "--disable-pip-version-check", "--no-input"]];
    await run(pip[0], [...pip[1], "-r", inClone(...list.split("/"))]);
  });
  writeStamp(stamp, hash);
}
