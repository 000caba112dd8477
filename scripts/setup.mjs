#!/usr/bin/env node
/**
 * Sets up what a fresh clone lacks, and prints each step: npm packages, the TypeScript build (dist/), the native executor (build/), a Python
 * environment with JupyterLab (.venv/), the kernelspec. Whatever is current is left alone, so it can be run at any time. `npm start`, `npm test`
 * and `npm run build` begin with it. Outside the clone it writes only to the caches of npm and pip.
 */
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { withLock } from "./lib/lock.mjs";
import { asksForHelp, parseOptions } from "./lib/options.mjs";
import { main, seconds } from "./lib/step.mjs";
import { toolkit } from "./parts/cuda.mjs";
import { jupyter } from "./parts/jupyter.mjs";
import { native } from "./parts/native.mjs";
import { packages } from "./parts/packages.mjs";
import { python } from "./parts/python.mjs";
import { checkTools } from "./parts/tools.mjs";
import { typescript } from "./parts/typescript.mjs";

/**
 * `withPython: false` omits the Python environment and the kernelspec: enough for plain scripts and the command line.
 * `typesLater: true` goes on where a type is wrong; `tests: true` builds the native unit tests, too; `cuda: true` brings CUDA's compiler.
 */
export const setUp = ({ withPython = true, typesLater = false, tests = false, cuda = false } = {}) =>
  withLock(async () => {
    await checkTools({ python: withPython });
    await packages();
    if (withPython) await python();
    await typescript({ typesLater });
    if (withPython) await jupyter();
    if (cuda) await toolkit();
    await native({ tests });
  });

if (fileURLToPath(import.meta.url) === realpathSync(process.argv[1])) {
  main(async () => {
    if (asksForHelp(process.argv.slice(2))) {
      process.stdout.write(
        "usage: npm run build, or node scripts/setup.mjs [--build] [--cuda]\n\nSets up what is missing; --build omits the Python environment; --cuda brings CUDA's compiler, for the GPU backend.\n",
      );
      return;
    }
    const { build, cuda } = parseOptions(process.argv.slice(2), { "--build": "flag", "--cuda": "flag" });
    const start = performance.now();
    await setUp({ withPython: !build, cuda });
    process.stderr.write(`everything is in place (${seconds(start)})\n`);
  });
}
