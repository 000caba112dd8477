/** A program in its own Node process, with the built lab, for tests that may end the process. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { packageInfo } from "../../lab/package.js";

const built = (path: string) => JSON.stringify(pathToFileURL(join(packageInfo().root, "dist", path)).href);
/** The beginning of every program. */
export const imports = `
import { load, measure, corpus } from ${built("lab/index.js")};
import { loadQuietly } from ${built("lab/model/load.js")};
import { callNative, callNativeSync } from ${built("lab/native.js")};
import { openModel } from ${built("test/parity/forward.js")};
import { longForward } from ${built("test/lifetimes/long.js")};
import fs from "node:fs";
import { execFileSync } from "node:child_process";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
const say = (what) => fs.writeSync(1, what + "\\n");
const ending = (promise) => promise.then(() => "done", (error) => error.code + ": " + error.message);
`;

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
}

/** `main` runs on the main thread, `worker` in what `startWorker()` starts; both see `path`. Arguments: process.argv from 2 on. */
export async function program(
  { main, worker = "" }: { readonly main: string; readonly worker?: string },
  path: string,
  command: readonly string[] = [process.execPath],
): Promise<Ended> {
  const folder = mkdtempSync(join(tmpdir(), "sparselab-program-"));
  const file = join(folder, "program.mjs");
  writeFileSync(
    file,
    `${imports}
const path = process.argv[2];
const startWorker = () => new Worker(new URL(import.meta.url), { argv: [path] });
if (isMainThread) {
${main}
} else {
${worker}
}
`,
  );
  try {
    return await new Promise((resolve, reject) => {
      const child = spawn(command[0]!, [...command.slice(1), file, path], { stdio: ["ignore", "pipe", "pipe"] });
      let [out, err] = ["", ""];
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        out += text;
      });
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        err += text;
      });
      child.once("error", reject);
      child.once("close", (code, signal) => resolve({ code, signal, out, err }));
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
