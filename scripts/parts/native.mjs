/**
 * The C++ executor, by cmake-js: it knows Node's headers (from the package node-api-headers, nothing is downloaded) and calls CMake.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { addon, inClone } from "../lib/paths.mjs";
import { fingerprint, inputs, isCurrent, writeStamp } from "../lib/stamp.mjs";
import { run, step } from "../lib/step.mjs";
import { compilerVersion } from "./tools.mjs";

const isSource = /(CMakeLists\.txt|\.(cmake|h|hpp|c|cc|cpp|cu|cuh|inc|inl))$/;

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

/** Runs `commands` where `product` is missing or older than the sources; `what` is said. */
async function build(folder, product, what, commands) {
  const stamp = inClone(folder, ".stamp");
  const facts = [process.version, process.arch, await compilerVersion(), JSON.stringify(commands)];
  const hash = fingerprint(inputs(["CMakeLists.txt", "native", "cuda"], isSource), facts);
  if (isCurrent(stamp, hash) && existsSync(product)) return;
  dropMovedFolder(folder);
  await step(what, async () => {
    for (const [file, ...args] of commands) await run(file, args);
  });
  writeStamp(stamp, hash);
}

const parallel = String(availableParallelism());
export const unitTests = inClone("build", "sparselab_tests");
export const sanitizedTests = inClone("build", "sanitize", "sparselab_tests");

/** The addon and the unit tests, into build/. */
export function native() {
  const cmakeJs = inClone("node_modules", "cmake-js", "bin", "cmake-js");
  return build("build", addon, "native executor into build/: CMake", [
    [process.execPath, cmakeJs, "build", "-B", "Release", "-O", inClone("build"), "-p", parallel],
  ]);
}

/** The unit tests alone with the address and undefined-behaviour sanitizers; no Node in it, so CMake is called directly. */
export function sanitized() {
  const folder = inClone("build", "sanitize");
  return build("build/sanitize", sanitizedTests, "unit tests with sanitizers into build/sanitize/: CMake", [
    ["cmake", "-S", inClone(), "-B", folder, "-DSPARSELAB_SANITIZE=ON"],
    ["cmake", "--build", folder, "--target", "sparselab_tests", "--parallel", parallel],
  ]);
}
