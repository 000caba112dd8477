import assert from "node:assert/strict";
import { test } from "node:test";
import { inClone } from "./paths.mjs";
import { compiled, typescriptSpeaker } from "./rebuilt.mjs";

test("what CMake compiled, by Ninja or make", () => {
  const ninja = `[1/3] Building CXX object CMakeFiles/sparselab_core.dir/native/cpu/pool.cpp.o
[2/3] Linking CXX static library libsparselab_core.a
[3/3] Linking CXX shared module sparselab.node
`;
  const make = `[ 50%] Building CXX object CMakeFiles/sparselab_core.dir/native/cpu/pool.cpp.o
[ 60%] Building CXX object CMakeFiles/sparselab_tests.dir/native/cpu/pool.test.cpp.o
[100%] Linking CXX executable sparselab_tests
[100%] Built target sparselab_tests
`;
  assert.equal(compiled(ninja), "compiled native/cpu/pool.cpp, linked sparselab.node");
  assert.equal(compiled(make), "compiled native/cpu/pool.cpp and native/cpu/pool.test.cpp, linked sparselab_tests");
  assert.equal(compiled("ninja: no work to do.\n"), undefined);
  assert.equal(compiled(Array(4).fill(ninja.split("\n")[0]).join("\n")), "compiled 4 files");
});

test("what tsc wrote, in whatever pieces it is heard", () => {
  const output = `[10:11:12] Starting compilation in watch mode...

TSFILE: ${inClone("dist", "lab", "hooks.js")}
TSFILE: ${inClone("dist", "lab", "hooks.d.ts")}
[10:11:14] Found 0 errors. Watching for file changes.

[10:11:15] File change detected. Starting incremental compilation...

lab/hooks.ts(3,1): error TS2304: Cannot find name 'x'.

[10:11:16] Found 1 error. Watching for file changes.
`;
  const whole = ["wrote dist/lab/hooks.js", "lab/hooks.ts(3,1): error TS2304: Cannot find name 'x'.", "no file changed; 1 error"];
  for (const size of [1, 7, 1000]) {
    const lines = [];
    const hear = typescriptSpeaker((line) => lines.push(line));
    for (let at = 0; at < output.length; at += size) hear(output.slice(at, at + size));
    assert.deepEqual(lines, whole);
  }
});
