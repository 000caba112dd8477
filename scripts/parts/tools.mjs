/** The four tools that must be on the machine. All missing ones are reported at once, each with the command that installs it. */
import { existsSync, readFileSync } from "node:fs";
import { ask, SetupError } from "../lib/step.mjs";
import { wrongNode } from "../lib/versions.cjs";

const ways = {
  node: {
    debian: "apt install nodejs npm (where that is too old: https://nodejs.org/en/download)",
    fedora: "dnf install nodejs",
    mac: "brew install node",
  },
  compiler: { debian: "apt install g++", fedora: "dnf install gcc-c++", mac: "xcode-select --install" },
  cmake: { debian: "apt install cmake make", fedora: "dnf install cmake make", mac: "brew install cmake" },
  python: { debian: "apt install python3 python3-venv", fedora: "dnf install python3", mac: "brew install python" },
};

function system() {
  if (process.platform === "darwin") return ["mac"];
  const release = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  if (/^ID(_LIKE)?=.*(debian|ubuntu)/m.test(release)) return ["debian"];
  if (/^ID(_LIKE)?=.*(fedora|rhel)/m.test(release)) return ["fedora"];
  return ["debian", "fedora", "mac"];
}
const names = { debian: "Debian, Ubuntu", fedora: "Fedora", mac: "macOS" };
const wayTo = (tool) =>
  system()
    .map((name) => `    ${names[name]}: ${ways[tool][name]}`)
    .join("\n");

function missingNode() {
  const wrong = wrongNode();
  return wrong && `${wrong}\n${wayTo("node")}`;
}

const cxx = () => (process.env.CXX ? [process.env.CXX] : ["c++", "g++", "clang++"]);
/** The C++ compiler's name and version in one line, or undefined. */
export async function compilerVersion() {
  for (const name of cxx()) {
    const version = await ask(name, ["--version"]);
    if (version) return `${name}: ${version.split("\n")[0]}`;
  }
}

async function missingCompiler() {
  const program = "#include <bit>\n#include <concepts>\n#include <span>\nint main() { return std::popcount(0u); }\n";
  for (const name of cxx()) {
    const compiles = `printf '%s' "$1" | "$0" -std=c++20 -fsyntax-only -x c++ -`;
    if ((await ask("sh", ["-c", compiles, name, program])) !== undefined) return undefined;
  }
  return `a compiler for C++20 is needed (GCC >= 11 or Clang >= 14); ${(await compilerVersion()) ?? "none was found"}.\n${wayTo("compiler")}`;
}

/** CMake, and the program that it has compile things: `apt install cmake` alone does not always bring one. */
async function missingCmake() {
  const version = await ask("cmake", ["--version"]);
  const [major, minor] = version?.match(/\d+/g)?.map(Number) ?? [0, 0];
  if (major < 3 || (major === 3 && minor < 22))
    return `cmake >= 3.22 is needed; ${version ? `this is ${major}.${minor}` : "none was found"}.\n${wayTo("cmake")}`;
  for (const name of ["make", "gmake", "ninja"]) if ((await ask(name, ["--version"])) !== undefined) return undefined;
  return `make (or ninja) is needed, which cmake calls; none was found.\n${wayTo("cmake")}`;
}

/** The first Python >= 3.10 that can make environments, or undefined. */
export async function findPython() {
  const test = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
  for (const name of ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python"]) {
    if ((await ask(name, ["-c", test])) !== undefined) return name;
  }
}

async function missingPython() {
  if (await findPython()) return undefined;
  const version = await ask("python3", ["--version"]);
  return `Python >= 3.10 with its venv module is needed; ${version ? `${version} is too old or lacks venv` : "none was found"}.\n${wayTo("python")}`;
}

/** Fails with everything that the named parts of set-up lack. */
export async function checkTools({ native = true, python = true } = {}) {
  const missing = [
    missingNode(),
    native && (await missingCompiler()),
    native && (await missingCmake()),
    python && (await missingPython()),
  ];
  const lines = missing.filter(Boolean);
  if (lines.length > 0) throw new SetupError(lines.join("\n"));
}
