#!/usr/bin/env node
/**
 * `npm run sanitize`: the executor's unit tests under the address and undefined-behaviour sanitizers, in a build folder of their own.
 */
import { main } from "./lib/step.mjs";
import { counted } from "./lib/suite.mjs";
import { sanitized, testsOf } from "./parts/native.mjs";
import { checkTools } from "./parts/tools.mjs";

main(async () => {
  await checkTools({ python: false });
  await sanitized();
  const { passed, failed } = await counted(testsOf("sanitize"), []);
  return failed === 0 && passed > 0 ? 0 : 1;
});
