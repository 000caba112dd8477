/** The kernel's process: `node main.js CONNECTION_FILE`, as the kernelspec says. */
import { readConnection } from "./connection.js";
import { Kernel } from "./kernel.js";
import { watchParent } from "./parent.js";

const log = (text: string): void => {
  process.stderr.write(`sparselab kernel: ${text}\n`);
};

const path = process.argv[2];
if (!path) {
  log("usage: main.js CONNECTION_FILE (Jupyter starts it so)");
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
