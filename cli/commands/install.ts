/** `sparselab install`: registers the kernel for the user, or under a prefix; the one command that writes outside the clone. */
import { type Command, parse, UsageError } from "../arguments.js";
import { print, printJson } from "../model.js";

const help = `usage: sparselab install [--prefix DIR] [--json]

Registers the Jupyter kernel "sparselab" for the user, so that every JupyterLab and VS Code of theirs finds it. It lies in Jupyter's own data
folder: ~/.local/share/jupyter, on macOS ~/Library/Jupyter, or what JUPYTER_DATA_DIR says. sparselab uninstall takes it away again.

  --prefix DIR   under DIR/share/jupyter instead: the folder of a Python environment`;

export const install: Command = {
  about: "registers the Jupyter kernel for the user",
  help,
  async run(args) {
    const { values } = parse(args, { prefix: { type: "string" } }, []);
    if (values.prefix === "") throw new UsageError("--prefix must name a folder");
    // Only here: no other command needs the kernel.
    const { installKernel } = await import("../../kernel/install.js");
    const folder = installKernel(values.prefix);
    if (values.json) printJson({ folder });
    else print(`installed kernel sparselab: ${folder}`);
  },
};
