/**
 * JupyterLab as a child process: started on its own port with its own token, ready when its status can be read, and stopped without leaving
 * processes behind. Used by `npm start` and by the browser tests.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { jupyterEnvironment, python, serverLog } from "./paths.mjs";
import { SetupError } from "./step.mjs";

const isFree = (port) =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });

/** Fails where another program has the port. */
export async function checkPort(port) {
  if (!(await isFree(port)))
    throw new SetupError(`port ${port} is in use by another program; choose another with --port N, or omit --port`);
}

/** The given port, which must be free, or the first free one from 8888 on. */
async function choosePort(wanted) {
  if (wanted !== undefined) {
    await checkPort(wanted);
    return wanted;
  }
  for (let port = 8888; port < 8988; port++) if (await isFree(port)) return port;
  throw new SetupError("the ports 8888 to 8987 are all in use; choose another with --port N");
}

/**
 * Starts the server on `folder` and waits until it answers. `log` is the file for its messages; `env` overrides the environment of
 * our Jupyter programs.
 * Returns { port, token, address(notebook), child, stop() }; `address` is what a browser opens.
 */
export async function startJupyterLab({ folder, port: wanted, log = serverLog, env = {} }) {
  // 1. Start the server.
  const port = await choosePort(wanted);
  const token = randomBytes(24).toString("hex");
  mkdirSync(dirname(log), { recursive: true });
  const output = openSync(log, "w");
  const args = [
    "-m",
    "jupyterlab",
    "--no-browser",
    "--allow-root",
    "--ServerApp.ip=127.0.0.1",
    `--ServerApp.port=${port}`,
    "--ServerApp.port_retries=0",
    `--ServerApp.root_dir=${folder}`,
    // The list of extensions is shown and never fetched.
    "--LabApp.extension_manager=readonly",
    // No search for language servers, which would call npm and write into the user's home.
    "--LanguageServerManager.autodetect=False",
  ];
  // Its own process group: Ctrl-C in the terminal reaches only this process, which shuts the server down. The token goes through the
  // environment, since every user of the machine can read arguments.
  const child = spawn(python, args, {
    cwd: folder,
    env: { ...jupyterEnvironment(), ...env, JUPYTER_TOKEN: token },
    stdio: ["ignore", output, output],
    detached: true,
  });
  closeSync(output);
  const ended = new Promise((resolve) => child.once("close", resolve));
  let running = true;
  ended.then(() => {
    running = false;
  });

  // 2. How to stop it.
  const killGroup = () => {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch (error) {
      if (error.code !== "ESRCH") throw error;
    }
  };
  /** SIGTERM lets the server shut its kernels down; whatever still runs after ten seconds is killed. */
  async function stop() {
    if (!running) return;
    child.kill("SIGTERM");
    await Promise.race([ended, sleep(10_000, undefined, { ref: false })]);
    if (running) killGroup();
    await ended;
  }

  // 3. Wait until it answers.
  for (const deadline = performance.now() + 60_000; ; await sleep(100)) {
    if (!running) throw new SetupError(`${readFileSync(log, "utf8").trimEnd()}\n\nJupyterLab exited while it was starting`);
    const answer = await fetch(`http://127.0.0.1:${port}/api/status`, { headers: { authorization: `token ${token}` } }).catch(
      () => undefined,
    );
    if (answer?.ok) break;
    if (performance.now() > deadline) {
      await stop();
      throw new SetupError(`${readFileSync(log, "utf8").trimEnd()}\n\nJupyterLab did not answer within 60 s`);
    }
  }
  const address = (notebook) =>
    `http://127.0.0.1:${port}/lab/tree/${notebook.split("/").map(encodeURIComponent).join("/")}?token=${token}`;
  return { port, token, address, ended, stop };
}
