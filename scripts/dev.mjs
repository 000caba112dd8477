#!/usr/bin/env node
/**
 * `npm run dev`: compiles what changes while you work. TypeScript goes into dist/; the executor, its addon and its unit tests into
 * build/dev/, where warnings are errors. It prints what it rebuilt, and ends with Ctrl-C.
 */
import { spawn } from "node:child_process";
import { withLock } from "./lib/lock.mjs";
import { asksForHelp, parseOptions } from "./lib/options.mjs";
import { inClone } from "./lib/paths.mjs";
import { compiled, typescriptSpeaker } from "./lib/rebuilt.mjs";
import { main, seconds, shown } from "./lib/step.mjs";
import { again } from "./lib/watch.mjs";
import { cmake, isNativeSource } from "./parts/native.mjs";
import { packages } from "./parts/packages.mjs";
import { checkTools } from "./parts/tools.mjs";
import { markCommand } from "./parts/typescript.mjs";

const help = `usage: npm run dev

Compiles what changes until Ctrl-C: TypeScript into dist/; the executor, its addon and its unit tests into build/dev/.
SPARSELAB_BUILD=dev makes a program load that addon; build/dev/sparselab_tests runs the tests.
`;

const say = (who, what) => process.stdout.write(`${who.padEnd(11)} ${what}\n`);

/** Returns a promise that settles when the compiler exits, which it does by itself only after a fatal error. */
function watchTypeScript() {
  const tsc = inClone("node_modules", "typescript", "bin", "tsc");
  const options = ["-p", inClone(), "--watch", "--preserveWatchOutput", "--listEmittedFiles"];
  const child = spawn(process.execPath, [tsc, ...options], { cwd: inClone(), stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.setEncoding("utf8");
  child.stdout.on(
    "data",
    typescriptSpeaker((line) => {
      markCommand();
      say("TypeScript", line);
    }),
  );
  process.on("exit", () => child.kill());
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
}

function watchNative() {
  const paths = [inClone("CMakeLists.txt"), inClone("CMakePresets.json"), inClone("native")];
  again(paths, isNativeSource, async (changed) => {
    const start = performance.now();
    say("executor", changed.length > 0 ? `${changed.join(", ")} changed` : "checking build/dev/");
    try {
      const what = compiled(await cmake("dev", "all"));
      say("executor", what ? `${what} in build/dev/ (${seconds(start)})` : "nothing to compile");
    } catch (error) {
      say("executor", `${shown(error).trimEnd()}\n`);
    }
  });
}

main(async () => {
  if (asksForHelp(process.argv.slice(2))) return void process.stdout.write(help);
  parseOptions(process.argv.slice(2), {});
  await checkTools({ python: false });
  await withLock(packages);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(0));
  watchNative();
  const code = await watchTypeScript();
  process.exit(code);
});
