#!/usr/bin/env node
/**
 * Runs a built script: `node scripts/run.mjs test/fuzz/fuzz.js --n 200` sets up what is missing and runs dist/test/fuzz/fuzz.js with
 * the remaining arguments. Exits with that program's exit code.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { inClone } from "./lib/paths.mjs";
import { main, SetupError } from "./lib/step.mjs";
import { setUp } from "./setup.mjs";

main(async () => {
  const [script, ...args] = process.argv.slice(2);
  if (script === undefined)
    throw new SetupError("missing FILE; usage: node scripts/run.mjs FILE [ARGUMENTS], where FILE is a path below dist/");
  await setUp({ withPython: false });
  const path = inClone("dist", script);
  if (!existsSync(path)) throw new SetupError(`no such file: ${path}; a script is given by its path below dist/, with .js`);
  return new Promise((resolve) => {
    spawn(process.execPath, [path, ...args], { stdio: "inherit" }).on("close", (code) => resolve(code ?? 1));
  });
});
