/** `sparselab uninstall`: removes the kernel that `sparselab install` registered. */
import { type Command, parse, UsageError } from "../arguments.js";
import { print, printJson } from "../model.js";

const help = `usage: sparselab uninstall [--prefix DIR] [--json]

Removes the Jupyter kernel "sparselab" of the user.

  --prefix DIR   remove it from DIR/share/jupyter instead`;

export const uninstall: Command = {
  about: "removes the Jupyter kernel",
  help,
  async run(args) {
    const { values } = parse(args, { prefix: { type: "string" } }, []);
    if (values.prefix === "") throw new UsageError("--prefix must name a folder");
    const { uninstallKernel } = await import("../../kernel/install.js");
    const { folder, removed } = uninstallKernel(values.prefix);
    if (values.json) printJson({ folder, removed });
    else print(removed ? `removed kernel sparselab: ${folder}` : `no kernel sparselab was installed in ${folder}`);
  },
};
