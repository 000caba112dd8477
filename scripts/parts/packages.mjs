/**
 * npm packages: what package-lock.json names and node_modules lacks. npm keeps a record of what it installed beside the packages,
 * which is compared with the lock file; a package of another platform is optional and may be absent.
 */
import { existsSync, readFileSync } from "node:fs";
import { inClone } from "../lib/paths.mjs";
import { run, step } from "../lib/step.mjs";

const packagesOf = (path) => (existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).packages : {});

function missing() {
  const wanted = packagesOf(inClone("package-lock.json"));
  const installed = packagesOf(inClone("node_modules", ".package-lock.json"));
  return Object.entries(wanted).filter(
    ([path, { version, optional }]) =>
      path !== "" && !(optional && !installed[path]) && (installed[path]?.version !== version || !existsSync(inClone(path))),
  );
}

export async function packages() {
  const count = missing().length;
  if (count === 0) return;
  await step(`npm packages (${count} missing): npm ci`, () => run("npm", ["ci", "--no-audit", "--no-fund"]));
}
