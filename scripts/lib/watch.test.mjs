import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { again } from "./watch.mjs";

function folder(t) {
  const path = mkdtempSync(join(tmpdir(), "watch-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** The names and contents of all files below a folder. */
const contents = (root) =>
  readdirSync(root, { recursive: true })
    .map((name) => join(root, name))
    .filter((path) => statSync(path).isFile())
    .sort()
    .map((path) => `${path}: ${readFileSync(path, "utf8")}`)
    .join("\n");

/** Waits until `condition` holds, which is asked after each call of `hear`. */
function listener() {
  let hear = () => {};
  const until = (condition) =>
    new Promise((resolve) => {
      hear = () => condition() && resolve();
      hear();
    });
  return { until, hear: () => hear() };
}

test("every kind of change leads to work that sees it: in place, by renaming, in a new folder, a deletion", async (t) => {
  const root = folder(t);
  const file = join(root, "a.h");
  writeFileSync(file, "1");
  const { until, hear } = listener();
  let seen;
  t.after(
    again([root], /\.h$/, async () => {
      seen = contents(root);
      hear();
    }),
  );
  const save = (text) => {
    writeFileSync(`${file}~`, text);
    renameSync(`${file}~`, file);
  };
  const inner = join(root, "new", "inner");
  const changes = [
    () => {},
    () => writeFileSync(file, "2"),
    () => save("3"),
    () => save("4"),
    () => writeFileSync(file, "5"),
    () => {
      mkdirSync(inner, { recursive: true });
      writeFileSync(join(inner, "b.h"), "6");
    },
    () => writeFileSync(join(inner, "b.h"), "7"),
    () => rmSync(join(root, "new"), { recursive: true }),
  ];
  for (const change of changes) {
    change();
    const now = contents(root);
    await until(() => seen === now);
  }
});

test("work is done once at a time; what changes meanwhile leads to one more", async (t) => {
  const root = folder(t);
  const { until, hear } = listener();
  const calls = [];
  t.after(
    again([root], /\.h$/, (names) => {
      return new Promise((end) => {
        calls.push({ names, end });
        hear();
      });
    }),
  );
  await until(() => calls.length === 1);
  for (let i = 0; i < 5; i++) writeFileSync(join(root, `${i}.h`), "");
  // Another watch hears the last change, so the first has heard all of them.
  const other = listener();
  const heard = new Set();
  t.after(
    again([root], /\.h$/, async (names) => {
      for (const name of names) heard.add(name);
      other.hear();
    }),
  );
  writeFileSync(join(root, "last.h"), "");
  await other.until(() => heard.has("last.h"));
  assert.equal(calls.length, 1);
  calls[0].end();
  await until(() => calls.length === 2);
  assert.deepEqual(calls[1].names.sort(), ["0.h", "1.h", "2.h", "3.h", "4.h", "last.h"]);
  calls[1].end();
});

test("a file is watched by its name, and not its neighbours", async (t) => {
  const root = folder(t);
  const file = join(root, "CMakeLists.txt");
  writeFileSync(file, "");
  const { until, hear } = listener();
  const heard = new Set();
  t.after(
    again([file], /\.txt$/, async (names) => {
      for (const name of names) heard.add(name);
      hear();
    }),
  );
  writeFileSync(join(root, "other.txt"), "");
  writeFileSync(file, "1");
  await until(() => heard.size > 0);
  assert.deepEqual([...heard], ["CMakeLists.txt"]);
});
