#!/usr/bin/env node
/**
 * `npm start`: sets up what is missing and opens JupyterLab on the first notebook.
 *   npm start -- --no-browser --port 9000     print the address only, on this port
 *   npm start -- --check                      set up, run one cell on the kernel, exit 0 or 1
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { checkPort, startJupyterLab } from "./lib/jupyterlab.mjs";
import { openBrowser } from "./lib/open.mjs";
import { asksForHelp, parseOptions } from "./lib/options.mjs";
import { firstNotebook, jupyterEnvironment, notebooks, python, serverLog } from "./lib/paths.mjs";
import { main, run, SetupError, seconds, step } from "./lib/step.mjs";
import { setUp } from "./setup.mjs";

const help = `usage: npm start -- [--no-browser] [--port N] [--check]

Sets up what is missing and opens JupyterLab on the first notebook.

  --no-browser   print the address only
  --port N       serve on this port; default: a free one
  --check        set up, run one cell on the kernel, exit 0 or 1
  -h, --help     this text
`;

function portOf(text) {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new SetupError(`--port must be a whole number from 1 to 65535, received ${text}`);
  return port;
}

async function check() {
  const output = await step("kernel check: one cell that loads the bundled model", () =>
    run(python, [join(import.meta.dirname, "check.py"), notebooks], { env: jupyterEnvironment() }),
  );
  process.stdout.write(`${output}the kernel works\n`);
}

async function serve({ port, browser }) {
  const lab = await step("JupyterLab", () => startJupyterLab({ folder: notebooks, port }));
  const address = lab.address(existsSync(join(notebooks, firstNotebook)) ? firstNotebook : "");
  process.stdout.write(`\n  ${address}\n\nIts messages go to ${serverLog}. Ctrl-C stops it.\n`);
  if (browser) openBrowser(address);
  let stopping;
  const stop = () => {
    if (!stopping) process.stdout.write("\nstopping JupyterLab and its kernels\n");
    stopping ??= lab.stop();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, stop);
  await lab.ended;
  if (!stopping) throw new SetupError(`JupyterLab exited by itself; its last messages are in ${serverLog}`);
}

main(async () => {
  if (asksForHelp(process.argv.slice(2))) return void process.stdout.write(help);
  const options = parseOptions(process.argv.slice(2), { "--no-browser": "flag", "--port": "N", "--check": "flag" });
  const port = portOf(options.port);
  // Printed before the long part.
  if (port !== undefined && !options.check) await checkPort(port);
  const start = performance.now();
  await setUp();
  process.stderr.write(`everything is in place (${seconds(start)})\n`);
  if (options.check) return check();
  return serve({ port, browser: !options["no-browser"] });
});
