/** `sparselab lab`: what `npm start` does, from anywhere. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { packageInfo } from "../../lab/package.js";
import type { Command } from "../arguments.js";

const help = `usage: sparselab lab [--no-browser] [--port N] [--check]

Sets up what is missing and opens JupyterLab on the first notebook; the same as npm start in the clone.`;

export const lab: Command = {
  about: "opens JupyterLab on the first notebook",
  help,
  async run(args) {
    const script = join(packageInfo().root, "scripts", "start.mjs");
    // Its own process, in the same terminal: it hears Ctrl-C itself.
    const ignore = () => undefined;
    process.on("SIGINT", ignore);
    const child = spawn(process.execPath, [script, ...args], { stdio: "inherit" });
    process.exitCode = await new Promise<number>((done, failed) => {
      child.once("error", failed);
      child.once("exit", (code, signal) => done(code ?? (signal ? 1 : 0)));
    });
    process.off("SIGINT", ignore);
  },
};
