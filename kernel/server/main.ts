/** The kernel's process: `node main.js CONNECTION_FILE`, as in the kernelspec. */
import { readConnection } from "./connection.js";
import { Kernel } from "./kernel.js";
import { watchParent } from "./parent.js";

/** Logs one line, escaped and of bounded length: part of it may come from a hostile message. */
const log = (text: string): void => {
  const line = text
    .slice(0, 1000)
    .replace(/\p{Cc}/gu, (c) => (c === "\n" ? " ⏎ " : `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`));
  process.stderr.write(`sparselab kernel: ${line}\n`);
};

const path = process.argv[2];
if (!path) {
  log("usage: main.js CONNECTION_FILE (normally started by Jupyter)");
  process.exit(2);
}
try {
  const kernel = new Kernel(readConnection(path), process.cwd(), log);
  const quit = (): void => void kernel.close().then(() => process.exit(0));
  process.on("SIGINT", () => kernel.interrupt());
  process.on("SIGTERM", quit);
  watchParent(quit);
  process.on("uncaughtException", (error) => log(error.stack ?? String(error)));
  process.on("unhandledRejection", (error) => log(error instanceof Error ? (error.stack ?? error.message) : String(error)));
  await kernel.open();
} catch (error) {
  log((error as Error).message);
  process.exit(1);
}
