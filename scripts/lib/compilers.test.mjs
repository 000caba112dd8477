import assert from "node:assert/strict";
import { test } from "node:test";
import { findClang, findEmulator } from "./compilers.mjs";

const only =
  (...names) =>
  (name) =>
    names.includes(name);
const linux = { platform: "linux", arch: "x64" };

test("the first Clang there is", async () => {
  assert.deepEqual(await findClang(only("clang++-14", "clang++-16"), "linux"), { compiler: "clang++-16" });
  assert.match((await findClang(only(), "linux")).absent, /apt install clang/);
});

test("aarch64 needs a cross compiler and an emulator; what is missing is named", async () => {
  const both = ["aarch64-linux-gnu-g++", "qemu-aarch64"];
  assert.deepEqual(await findEmulator(only(...both), linux), { emulator: "qemu-aarch64" });
  assert.match((await findEmulator(only(both[0]), linux)).absent, /without qemu-user \(Debian: apt install qemu-user\)/);
  assert.match((await findEmulator(only(), linux)).absent, /apt install g\+\+-aarch64-linux-gnu qemu-user/);
  assert.match((await findEmulator(only(...both), { platform: "linux", arch: "arm64" })).absent, /suite native/);
});
