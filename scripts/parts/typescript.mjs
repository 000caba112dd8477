/**
 * TypeScript into dist/. The compiler is called by its path: `npx tsc` could be another package's.
 */
import { chmodSync, existsSync } from "node:fs";
import { inClone } from "../lib/paths.mjs";
import { fingerprint, inputs, isCurrent, writeStamp } from "../lib/stamp.mjs";
import { run, step } from "../lib/step.mjs";

const stamp = inClone("dist", ".stamp");
const command = inClone("dist", "cli", "main.js");

/** What package.json names as `bin` must be executable; tsc writes plain files. */
export function markCommand() {
  if (existsSync(command)) chmodSync(command, 0o755);
}

/**
 * Emits even if a type is wrong, and then fails with the compiler's messages; with `typesLater` the caller checks the types.
 */
export async function typescript({ typesLater = false } = {}) {
  const sources = inputs(
    ["package.json", "package-lock.json", "tsconfig.json", "kernel", "lab", "cli", "test", "bench", "scripts"],
    /\.(ts|mts|json)$/,
  );
  const hash = fingerprint(sources, [process.version]);
  if (isCurrent(stamp, hash)) return;
  const tsc = [inClone("node_modules", "typescript", "bin", "tsc"), "-p", "."];
  let failed = false;
  try {
    await step("TypeScript into dist/", () => run(process.execPath, tsc));
  } catch (error) {
    if (!typesLater) throw error;
    failed = true;
  }
  markCommand();
  if (!failed) writeStamp(stamp, hash);
}
