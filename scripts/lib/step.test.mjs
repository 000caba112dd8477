import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, run, SetupError } from "./step.mjs";

test("a program's output, both streams", async () => {
  const output = await run(process.execPath, ["-e", "console.log('out'); console.error('err')"]);
  assert.deepEqual(output.trim().split("\n").sort(), ["err", "out"]);
});

test("a failure shows the last lines, the command, and the way out", async () => {
  const program = "for (let i = 0; i < 100; i++) console.log('line ' + i); process.exitCode = 3";
  await assert.rejects(run(process.execPath, ["-e", program], { hint: "Try again." }), (error) => {
    assert.ok(error instanceof SetupError);
    assert.match(error.message, /line 99/);
    assert.doesNotMatch(error.message, /line 1\n/);
    assert.match(error.message, /exit code 3\.\nTry again\.$/);
    return true;
  });
});

test("a program that is not there", async () => {
  await assert.rejects(run("no-such-program-here", []), /could not be started/);
  assert.equal(await ask("no-such-program-here", []), undefined);
});
