/**
 * What Jupyter needs from us: the kernelspec `sparselab`, settings that use no network, the extension that keeps saved widgets, and trust in the
 * notebooks of the clone (in an untrusted notebook saved plots don't draw themselves). All of it is inside .venv/.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { changedFiles, committedFiles } from "../lib/committed.mjs";
import { inClone, jupyterEnvironment, python, venv } from "../lib/paths.mjs";
import { filesUnder, fingerprint, isCurrent, writeStamp } from "../lib/stamp.mjs";
import { run, step } from "../lib/step.mjs";

const settings = {
  // No news and no update check: nothing is fetched, and the first start shows no question.
  "@jupyterlab/apputils-extension:notification": { fetchNews: "false", checkForUpdates: false },
  // A notebook opened without its kernel shows each widget as it was saved, not "model not found".
  "@jupyter-widgets/jupyterlab-manager:plugin": { saveState: true },
};

function writeSettings() {
  const path = join(venv, "share", "jupyter", "lab", "settings", "overrides.json");
  const text = `${JSON.stringify(settings, null, 2)}\n`;
  if (existsSync(path) && readFileSync(path, "utf8") === text) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** Our extension of JupyterLab: a folder of files that need no build. Copied each time, which is faster than a check. */
function labExtension() {
  cpSync(inClone("kernel", "jupyterlab"), join(venv, "share", "jupyter", "labextensions", "sparselab-saved-widgets"), {
    recursive: true,
  });
}

/** The kernelspec has the paths of Node and of the clone; it is written again if either moved. */
async function kernelspec() {
  const install = inClone("dist", "kernel", "install.js");
  const stamp = join(venv, "share", "jupyter", "kernels", "sparselab", ".stamp");
  const hash = fingerprint([install, ...filesUnder(inClone("kernel", "logos"), /./)], [process.execPath, inClone()]);
  if (isCurrent(stamp, hash)) return;
  await step("kernelspec sparselab into .venv/share/jupyter", async () => {
    const { installKernel } = await import(pathToFileURL(install).href);
    installKernel(venv);
  });
  writeStamp(stamp, hash);
}

/**
 * The notebooks to trust: those that are as committed. A notebook that a user added or changed is left to JupyterLab's own rule. In a copy
 * without git, all that exist at the first set-up.
 */
function shippedNotebooks(first) {
  const all = filesUnder(inClone("notebooks"), /\.ipynb$/);
  const committed = committedFiles("notebooks");
  if (committed === undefined) return first ? all : [];
  const changed = changedFiles("notebooks");
  return all.filter((path) => {
    const name = relative(inClone(), path);
    return committed.includes(name) && !changed.includes(name);
  });
}

async function trust() {
  const stamp = join(venv, "jupyter", ".trusted");
  const files = shippedNotebooks(!existsSync(stamp));
  const hash = fingerprint(files);
  if (files.length === 0 || isCurrent(stamp, hash)) return;
  await step("trust in the notebooks that came with the clone: jupyter trust", () =>
    run(python, ["-m", "jupyter", "trust", ...files], { env: jupyterEnvironment() }),
  );
  writeStamp(stamp, hash);
}

/**
 * papermill's parameters as TypeScript (kernel/papermill): a Python module of its own, without which a notebook with parameters fails
 * before its first cell.
 */
async function papermill() {
  const folder = inClone("kernel", "papermill");
  const stamp = join(venv, ".papermill");
  const hash = fingerprint(filesUnder(folder, /\.(py|toml)$/), [python]);
  if (isCurrent(stamp, hash)) return;
  await step("papermill parameters in TypeScript: pip install kernel/papermill", () =>
    run(python, ["-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "--force-reinstall", folder]),
  );
  writeStamp(stamp, hash);
}

export async function jupyter() {
  writeSettings();
  labExtension();
  await papermill();
  await kernelspec();
  await trust();
}
