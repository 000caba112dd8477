/**
 * The C++ executor, by cmake-js: it knows Node's headers (from the package node-api-headers, nothing is downloaded) and calls CMake.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { addon, inClone } from "../lib/paths.mjs";
import { fingerprint, inputs, isCurrent, writeStamp } from "../lib/stamp.mjs";
import { run, step } from "../lib/step.mjs";
import { compilerVersion } from "./tools.mjs";

const isSource = /(CMakeLists\.txt|\.(cmake|h|hpp|c|cc|cpp|cu|cuh|inc))$/;

/** A build folder made elsewhere (the clone was moved) is refused by CMake: it starts anew. */
function dropMovedFolder(folder) {
  const cache = inClone(folder, "CMakeCache.txt");
  if (
    existsSync(cache) &&
    !readFileSync(cache, "utf8").includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${inClone().replace(/\/$/, "")}\n`)
  ) {
    rmSync(inClone(folder), { recursive: true, force: true });
  }
}

/** Builds all targets into `folder`; `definitions` are CMake variables. */
export async function build(folder, product, what, definitions = {}) {
  const stamp = inClone(folder, ".stamp");
  const facts = [process.version, process.arch, await compilerVersion(), JSON.stringify(definitions)];
  const hash = fingerprint(inputs(["CMakeLists.txt", "native", "cuda"], isSource), facts);
  if (isCurrent(stamp, hash) && existsSync(product)) return;
  dropMovedFolder(folder);
  const variables = Object.entries(definitions).map(([name, value]) => `--CD${name}=${value}`);
  const cmakeJs = inClone("node_modules", "cmake-js", "bin", "cmake-js");
  await step(what, () =>
    run(process.execPath, [
      cmakeJs,
      "build",
      "-B",
      "Release",
      "-O",
      inClone(folder),
      "-p",
      String(availableParallelism()),
      ...variables,
    ]),
  );
  writeStamp(stamp, hash);
}

export const native = () => build("build", addon, "native executor into build/: CMake");
