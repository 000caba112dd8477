/** `sparselab lab`: the same as `npm start`, from any folder. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { packageInfo } from "../../lab/package.js";
import { type Command, countOf, parseOnly } from "../arguments.js";

const help = `usage: sparselab lab [--no-browser] [--port N] [--check]

Sets up what is missing and opens JupyterLab on the first notebook; the same as npm start in the clone.

  --no-browser   only print the address
  --port N       serve on this port; default: a free one
  --check        set up, run one cell on the kernel, exit with 0 or 1`;

export const lab: Command = {
  about: "opens JupyterLab on the first notebook",
  help,
  async run(args) {
    const options = { "no-browser": { type: "boolean" }, port: { type: "string" }, check: { type: "boolean" } } as const;
    const { values } = parseOnly(args, options, []);
    const port = countOf("--port", values.port, 1, 65535);
    const flags = [
      ...(values["no-browser"] ? ["--no-browser"] : []),
      ...(port === undefined ? [] : ["--port", String(port)]),
      ...(values.check ? ["--check"] : []),
    ];
    const script = join(packageInfo().root, "scripts", "start.mjs");
    // The child gets Ctrl-C from the terminal itself.
    const ignore = () => undefined;
    process.on("SIGINT", ignore);
    const child = spawn(process.execPath, [script, ...flags], { stdio: "inherit" });
    process.exitCode = await new Promise<number>((done, failed) => {
      child.once("error", failed);
      child.once("exit", (code, signal) => done(code ?? (signal ? 1 : 0)));
    });
    process.off("SIGINT", ignore);
  },
};
