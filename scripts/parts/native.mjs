/**
 * The C++ executor, built by CMake with the presets of CMakePresets.json, each in a folder of its own below build/. The headers of Node
 * come from the packages node-api-headers and node-addon-api; nothing is downloaded.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { addon, inClone } from "../lib/paths.mjs";
import { fingerprint, inputs, isCurrent, writeStamp } from "../lib/stamp.mjs";
import { ask, run, step } from "../lib/step.mjs";
import { findNvcc } from "./cuda.mjs";
import { compilerVersion } from "./tools.mjs";

export const isNativeSource = /(CMakeLists\.txt|CMakePresets\.json|\.(cmake|h|hpp|c|cc|cpp|cu|cuh|inc|inl))$/;
const sources = () => inputs(["CMakeLists.txt", "CMakePresets.json", "native", "cuda"], isNativeSource);

/** The preset of what users run; in CI, warnings are errors. Both build into build/release. */
const release = process.env.CI ? "ci" : "release";
const folderOf = (preset) => inClone("build", preset === "ci" ? "release" : preset);
export const testsOf = (preset) => `${folderOf(preset)}/sparselab_tests`;

/** CMake refuses a build folder that was made elsewhere (the clone was moved): delete it. */
function dropMovedFolder(folder) {
  const cache = `${folder}/CMakeCache.txt`;
  if (
    existsSync(cache) &&
    !readFileSync(cache, "utf8").includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${inClone().replace(/\/$/, "")}\n`)
  )
    rmSync(folder, { recursive: true, force: true });
}

/** Ninja where it is installed, else CMake's own choice. A folder that is configured keeps its generator. */
async function generator(folder) {
  if (existsSync(`${folder}/CMakeCache.txt`)) return [];
  return (await ask("ninja", ["--version"])) === undefined ? [] : ["-G", "Ninja"];
}

/** CMake's warnings, each as one paragraph: that only slow kernels are built, for example. */
function warningsIn(output) {
  return [...output.matchAll(/^CMake Warning[^\n]*\n((?: {2}.*\n)+)/gm)].map(([, text]) => text.replace(/\s+/g, " ").trim());
}

/** Configures a preset's folder and builds `target` in it. Returns CMake's output. */
export async function cmake(preset, target, options = []) {
  const folder = folderOf(preset);
  dropMovedFolder(folder);
  const configured = await run("cmake", ["--preset", preset, ...(await generator(folder)), ...options]);
  for (const warning of warningsIn(configured)) process.stderr.write(`  ${warning}\n`);
  return run("cmake", ["--build", folder, "--target", target, "--parallel", String(availableParallelism())]);
}

/** Builds `target` where `product` is missing or older than the sources; `what` is printed. */
async function build(preset, target, product, what, options = []) {
  const stamp = `${folderOf(preset)}/.stamp-${target}`;
  const facts = [process.version, process.arch, await compilerVersion(), preset, findNvcc() ?? "", ...options];
  const hash = fingerprint(sources(), facts);
  if (isCurrent(stamp, hash) && existsSync(product)) return;
  await step(`${what}: CMake`, () => cmake(preset, target, options));
  writeStamp(stamp, hash);
}

/** The addon and the backends into build/release/, and the unit tests where they are asked for. */
export async function native({ tests = false } = {}) {
  await build(release, "sparselab", addon, "native executor into build/release/");
  const emulated = `${folderOf(release)}/sparselab_cuda_emulated.so`;
  await build(
    release,
    "sparselab_backends",
    emulated,
    "CUDA backend (emulated, and for a GPU where nvcc is found) into build/release/",
  );
  if (tests) await build(release, "sparselab_tests", testsOf(release), "its unit tests into build/release/");
}
export const unitTests = testsOf(release);

/** The unit tests with the address and undefined-behaviour sanitizers. */
export const sanitized = () =>
  build("sanitize", "sparselab_tests", testsOf("sanitize"), "unit tests with sanitizers into build/sanitize/");

/** The unit tests compiled with this Clang. */
export const withClang = (compiler) =>
  build("clang", "sparselab_tests", testsOf("clang"), `unit tests with ${compiler} into build/clang/`, [
    `-DCMAKE_CXX_COMPILER=${compiler}`,
  ]);

/** The unit tests for aarch64, which run on an emulated processor. */
export const forNeon = () => build("neon", "sparselab_tests", testsOf("neon"), "unit tests for aarch64 into build/neon/");
