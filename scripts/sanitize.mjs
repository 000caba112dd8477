#!/usr/bin/env node
/**
 * `npm run sanitize`: the executor's unit tests under the address and undefined-behaviour sanitizers, in a build folder of their own.
 */
import { inClone } from "./lib/paths.mjs";
import { main } from "./lib/step.mjs";
import { counted } from "./lib/suite.mjs";
import { build } from "./parts/native.mjs";
import { packages } from "./parts/packages.mjs";
import { checkTools } from "./parts/tools.mjs";

main(async () => {
  await checkTools({ python: false });
  await packages();
  const tests = inClone("build", "sanitize", "Release", "sparselab_tests");
  await build("build/sanitize", tests, "unit tests with sanitizers into build/sanitize/", { SPARSELAB_SANITIZE: "ON" });
  const { failed } = await counted(tests, []);
  return failed === 0 ? 0 : 1;
});
