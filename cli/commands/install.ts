/** `sparselab install`: registers the kernel for the user, or under a prefix. It is the only command that writes outside the clone by itself. */
import { type Command, parse, UsageError } from "../arguments.js";
import { print, printJson } from "../model.js";

const help = `usage: sparselab install [--prefix DIR] [--json]

Registers the Jupyter kernel "sparselab" for the user, so that the user's own JupyterLab and VS Code find it. It is written to Jupyter's data
folder: ~/.local/share/jupyter, on macOS ~/Library/Jupyter, or JUPYTER_DATA_DIR. sparselab uninstall removes it.

  --prefix DIR   write to DIR/share/jupyter instead; DIR is a Python environment`;

export const install: Command = {
  about: "registers the Jupyter kernel for the user",
  help,
  async run(args) {
    const { values } = parse(args, { prefix: { type: "string" } }, []);
    if (values.prefix === "") throw new UsageError("--prefix must name a folder");
    // Imported here, since no other command needs the kernel.
    const { installKernel } = await import("../../kernel/install.js");
    const folder = installKernel(values.prefix);
    if (values.json) printJson({ folder });
    else print(`installed kernel sparselab: ${folder}`);
  },
};
