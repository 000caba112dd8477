import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { committedFiles, copyCommitted } from "./committed.mjs";
import { inClone } from "./paths.mjs";
import { filesUnder } from "./stamp.mjs";

test("what a user lays beside the notebooks is not copied; where there is no git, all of the folder is", (t) => {
  const to = mkdtempSync(join(tmpdir(), "sparselab committed-"));
  const added = inClone("notebooks", `added-${process.pid}.ipynb`);
  t.after(() => {
    rmSync(added, { force: true });
    rmSync(to, { recursive: true, force: true });
  });
  writeFileSync(added, "{}");
  const folder = copyCommitted("notebooks", to);
  assert.equal(folder, join(to, "notebooks"));
  assert.equal(existsSync(join(folder, `added-${process.pid}.ipynb`)), committedFiles("notebooks") === undefined);
  assert.ok(readFileSync(join(folder, "models", "held.txt"), "utf8").length > 1000);
  assert.ok(existsSync(join(folder, "01-sparsity-against-quality.ipynb")));
});

test("a path is never taken from a file's address as it stands there, where a space is %20", () => {
  const sources = ["lab", "kernel", "cli", "test", "bench", "scripts"].flatMap((name) =>
    filesUnder(inClone(name), /\.(m?ts|m?js|cjs)$/),
  );
  const written = new RegExp(`import\\.meta\\.url\\)\\s*\\.${"pathname"}`);
  assert.ok(sources.length > 200);
  assert.deepEqual(
    sources.filter((path) => written.test(readFileSync(path, "utf8"))),
    [],
  );
});
