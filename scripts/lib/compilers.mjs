/**
 * Other compilers and processors that the executor is tested with if they are installed: Clang, and aarch64 by emulation. Users need neither,
 * so a missing one is reported and is not a failure.
 */
import { ask } from "./step.mjs";

const clangs = ["clang++", ...[21, 20, 19, 18, 17, 16, 15, 14].map((version) => `clang++-${version}`)];

/** { compiler }, or { absent } with the reason. `has` tells whether a program runs. */
export async function findClang(has = runs, platform = process.platform) {
  if (platform === "darwin") return { absent: "the compiler of macOS is Clang; the suite native ran with it" };
  for (const compiler of clangs) if (await has(compiler)) return { compiler };
  return { absent: "Clang is not installed (Debian: apt install clang)" };
}

/** { emulator }, or { absent } with the reason. */
export async function findEmulator(has = runs, { platform, arch } = process) {
  if (arch === "arm64") return { absent: "this processor is an aarch64; the suite native ran on it" };
  if (platform !== "linux") return { absent: "aarch64 is emulated on Linux only" };
  const missing = [];
  if (!(await has("aarch64-linux-gnu-g++"))) missing.push("g++-aarch64-linux-gnu");
  if (!(await has("qemu-aarch64"))) missing.push("qemu-user");
  if (missing.length === 0) return { emulator: "qemu-aarch64" };
  return { absent: `NEON kernels are not tested without ${missing.join(" and ")} (Debian: apt install ${missing.join(" ")})` };
}

async function runs(program) {
  return (await ask(program, ["--version"])) !== undefined;
}
