/**
 * The paths of everything that set-up creates. All are inside the clone, so deleting the folder removes everything. Nothing here reads or
 * writes a file.
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const inClone = (...parts) => join(root, ...parts);

export const venv = inClone(".venv");
export const python = join(venv, "bin", "python");
/** Jupyter's settings, trust database and run files, in a separate folder, so that a user's own Jupyter is neither read nor changed. */
const jupyter = join(venv, "jupyter");
/** The environment in which every Jupyter program of ours runs. */
export const jupyterEnvironment = () => ({
  ...process.env,
  PATH: `${join(venv, "bin")}:${process.env.PATH ?? ""}`,
  JUPYTER_CONFIG_DIR: join(jupyter, "config"),
  JUPYTER_DATA_DIR: join(jupyter, "data"),
  JUPYTER_RUNTIME_DIR: join(jupyter, "runtime"),
  IPYTHONDIR: join(jupyter, "ipython"),
  JUPYTERLAB_SETTINGS_DIR: join(jupyter, "settings"),
  JUPYTERLAB_WORKSPACES_DIR: join(jupyter, "workspaces"),
  JUPYTER_PLATFORM_DIRS: "0",
  PYTHONNOUSERSITE: "1",
});
export const serverLog = join(jupyter, "server.log");

export const notebooks = inClone("notebooks");
export const firstNotebook = "01-sparsity-against-quality.ipynb";
export const addon = inClone("build", "release", "sparselab.node");
