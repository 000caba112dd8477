/** The real model for the tests that need one: `sparselab fetch` brings it into the cache, once for all clones of a user. */
import { inClone } from "./paths.mjs";
import { run, step } from "./step.mjs";

/** @throws SetupError with fetch's own words where it cannot be had, as without a network */
export async function needModel(name) {
  await step(`${name} in the cache: sparselab fetch ${name}`, () =>
    run(process.execPath, [inClone("dist", "cli", "main.js"), "fetch", name]),
  );
}
