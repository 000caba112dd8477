import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { filesUnder, fingerprint, isCurrent, writeStamp } from "./stamp.mjs";

test("a stamp follows contents and facts, not times", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "stamp-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "a.ts");
  const stamp = join(folder, "made", ".stamp");
  writeFileSync(file, "one");
  const hash = fingerprint([file], ["v20"]);
  assert.equal(isCurrent(stamp, hash), false);
  writeStamp(stamp, hash);
  utimesSync(file, 1, 1);
  assert.equal(isCurrent(stamp, fingerprint([file], ["v20"])), true);
  assert.equal(isCurrent(stamp, fingerprint([file], ["v22"])), false);
  writeFileSync(file, "two");
  assert.equal(isCurrent(stamp, fingerprint([file], ["v20"])), false);
});

test("sources are found in a fixed order, and what was built is left out", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "stamp-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const name of ["b", "a", "node_modules"]) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, "x.ts"), "");
    writeFileSync(join(folder, name, "x.md"), "");
  }
  assert.deepEqual(filesUnder(folder, /\.ts$/), [join(folder, "a", "x.ts"), join(folder, "b", "x.ts")]);
  assert.deepEqual(filesUnder(join(folder, "absent"), /./), []);
});
