/**
 * The private Python environment .venv/: JupyterLab, what runs notebooks without it, and the checkers of Python and C++ sources.
 * An environment holds absolute paths: in a clone that was moved it is made again; otherwise only what changed is installed.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { inClone, venv, python as venvPython } from "../lib/paths.mjs";
import { fingerprint, inputs, isCurrent, writeStamp } from "../lib/stamp.mjs";
import { ask, run, step } from "../lib/step.mjs";
import { findPython } from "./tools.mjs";

const stamp = inClone(".venv", ".stamp");
const location = inClone(".venv", ".location");

/** Whether it was made here and its Python still runs: then pip installs what changed, and a JupyterLab that runs from it continues. */
async function isUsable() {
  return existsSync(location) && readFileSync(location, "utf8") === venv && (await ask(venvPython, ["-c", ""])) !== undefined;
}

async function create() {
  rmSync(venv, { recursive: true, force: true });
  await run(await findPython(), ["-m", "venv", venv]);
  // JupyterLab brings small Node programs in CommonJS, which our own package.json above them would declare to be ES modules.
  writeFileSync(inClone(".venv", "package.json"), '{ "type": "commonjs" }\n');
  writeFileSync(location, venv);
}

export async function python() {
  const hash = fingerprint(inputs(["scripts/requirements.txt", "scripts/constraints.txt"]), [venv]);
  if (isCurrent(stamp, hash) && existsSync(venvPython)) return;
  await step("Python environment .venv/ with JupyterLab: pip install", async () => {
    if (!(await isUsable())) await create();
    const files = ["-r", inClone("scripts", "requirements.txt"), "-c", inClone("scripts", "constraints.txt")];
    await run(venvPython, ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", ...files]);
  });
  writeStamp(stamp, hash);
}
