/** The registry of backends through the addon: one of a shared library joins and computes; what is no backend is refused with the reason. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { callNative, callNativeSync } from "../../lab/native.js";
import { forward } from "../parity/forward.js";
import { goldenFile, goldenModels, root } from "../support/golden.js";

/** Made along with the executor's unit tests (CMakeLists.txt). */
const library = (name: string) => {
  const folder = join(root(), "build", process.env.SPARSELAB_BUILD || "release", "test-backends");
  return [".so", ".dylib"].map((end) => join(folder, name + end)).find(existsSync) ?? join(folder, name);
};
const add = (path: string) => callNative((addon) => addon.loadBackend(path));

async function logitsOn(backend: string) {
  const golden = goldenModels()[0]!;
  const { file } = await callNative((addon) => addon.openFile(goldenFile(golden)));
  const model = await callNative((addon) => addon.open(file, { backend }));
  expect(callNativeSync((addon) => addon.modelInfo(model)).backend).toBe(backend);
  const { logits } = await forward(model, golden, "exact", "prefill");
  callNativeSync((addon) => addon.closeModel(model));
  return [...logits];
}

describe("backends", () => {
  test("one of a shared library is listed, opens a model and gives the bits of the backend it forwards to", async () => {
    expect(callNativeSync((addon) => addon.backends())).toEqual(["cpu"]);
    await expect(logitsOn("copy")).rejects.toMatchObject({
      code: "no-device",
      message: expect.stringContaining('there is no backend "copy"; known: cpu'),
    });
    expect(await add(library("copy"))).toBe("copy");
    expect(callNativeSync((addon) => addon.backends())).toEqual(["cpu", "copy"]);
    expect(await logitsOn("copy")).toEqual(await logitsOn("cpu"));
  });

  test.each([
    ["a missing file", "nowhere", /could not be loaded: .*nowhere/],
    ["a library that is no backend", "empty", /empty\.[a-z]+" exports no sl_backend/],
    ["another version of the boundary", "other_version", /speaks version 99 of the backend boundary; expected \d+/],
    ["a name that is taken", "second_cpu", /names its backend "cpu", which is there already/],
  ])("%s is refused", async (_, name, message) => {
    const before = callNativeSync((addon) => addon.backends());
    await expect(add(library(name))).rejects.toMatchObject({ code: "no-device", message: expect.stringMatching(message) });
    expect(callNativeSync((addon) => addon.backends())).toEqual(before);
  });

  test("a path that is none is refused", async () => {
    await expect(add(7 as never)).rejects.toMatchObject({ code: "invalid-option" });
  });
});
