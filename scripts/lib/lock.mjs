/**
 * One set-up at a time in a clone, since two builds would overwrite each other's files. The lock is a file with the process id of its holder;
 * the lock of a process that has exited is taken over.
 */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inClone } from "./paths.mjs";

const path = inClone("dist", ".setup-lock");

function holder() {
  try {
    const pid = Number(readFileSync(path, "utf8"));
    if (!pid) return undefined;
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    return error.code === "EPERM" ? Number(readFileSync(path, "utf8")) : undefined;
  }
}

export async function withLock(work) {
  mkdirSync(dirname(path), { recursive: true });
  for (let reported = false; ; ) {
    try {
      const file = openSync(path, "wx");
      writeSync(file, String(process.pid));
      closeSync(file);
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      const pid = holder();
      if (pid === undefined) {
        // It may have been created and not written yet: look once more before taking it over.
        await sleep(200);
        if (holder() === undefined) rmSync(path, { force: true });
        continue;
      }
      if (!reported) process.stderr.write(`· waiting for another set-up in this clone (process ${pid})\n`);
      reported = true;
      await sleep(500);
    }
  }
  const release = () => rmSync(path, { force: true });
  process.once("exit", release);
  try {
    return await work();
  } finally {
    process.removeListener("exit", release);
    release();
  }
}
