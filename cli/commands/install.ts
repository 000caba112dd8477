/** `sparselab install`: registers the kernel for the user, or under a prefix; the one command that writes outside the clone. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { type Command, parse } from "../arguments.js";
import { print, printJson } from "../model.js";

const help = `usage: sparselab install [--prefix DIR] [--remove] [--json]

Registers the Jupyter kernel "sparselab" for the user (~/.local/share/jupyter), so that every JupyterLab and VS Code of his finds it.

  --prefix DIR   under DIR/share/jupyter instead: the folder of a Python environment
  --remove       takes it away again`;

export const install: Command = {
  about: "registers the Jupyter kernel for the user",
  help,
  async run(args) {
    const { values } = parse(args, { prefix: { type: "string" }, remove: { type: "boolean" } }, []);
    // Only here: no other command needs the kernel.
    const { installKernel, uninstallKernel } = await import("../../kernel/install.js");
    const prefix = resolve(values.prefix ?? join(homedir(), ".local"));
    const folder = values.remove ? uninstallKernel(prefix) : installKernel(prefix);
    if (values.json) printJson({ folder, removed: values.remove === true });
    else print(`${values.remove ? "removed" : "installed"} kernel sparselab: ${folder}`);
  },
};
