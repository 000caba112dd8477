import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadImage } from "@napi-rs/canvas";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { dataFolder, installKernel, uninstallKernel } from "./install.js";

let prefix: string;
beforeEach(() => {
  prefix = mkdtempSync(join(tmpdir(), "sparselab-install-"));
});
afterEach(() => rmSync(prefix, { recursive: true }));

test("writes and removes the kernelspec", () => {
  const folder = installKernel(prefix);
  expect(folder).toBe(join(prefix, "share/jupyter/kernels/sparselab"));
  const spec = JSON.parse(readFileSync(join(folder, "kernel.json"), "utf8"));
  expect(spec).toMatchObject({ display_name: "sparselab (TypeScript)", language: "typescript", interrupt_mode: "message" });
  expect(spec.argv[0]).toBe(process.execPath);
  expect(existsSync(spec.argv[1])).toBe(true);
  expect(spec.argv[2]).toBe("{connection_file}");
  expect(readdirSync(folder).sort()).toEqual(["kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg"]);
  expect(installKernel(prefix)).toBe(folder);
  expect(uninstallKernel(prefix)).toEqual({ folder, removed: true });
  expect(existsSync(folder)).toBe(false);
  expect(uninstallKernel(prefix)).toEqual({ folder, removed: false });
});

test("the logos have the sizes that their names say", async () => {
  const folder = installKernel(prefix);
  for (const [name, size] of [
    ["logo-32x32.png", 32],
    ["logo-64x64.png", 64],
    ["logo-svg.svg", 64],
  ] as const) {
    const { width, height } = await loadImage(join(folder, name));
    expect([width, height], name).toEqual([size, size]);
  }
});

describe("the user's data folder is Jupyter's", () => {
  const home = { HOME: "/h" };
  test.each([
    [{ ...home }, "linux", "/h/.local/share/jupyter"],
    [{ ...home, XDG_DATA_HOME: "/x" }, "linux", "/x/jupyter"],
    [{ ...home }, "darwin", "/h/Library/Jupyter"],
    [{ ...home, JUPYTER_PLATFORM_DIRS: "0" }, "darwin", "/h/Library/Jupyter"],
    [{ ...home, JUPYTER_PLATFORM_DIRS: "1" }, "darwin", "/h/Library/Application Support/jupyter"],
    [{ ...home, JUPYTER_DATA_DIR: "/d" }, "darwin", "/d"],
    [{ ...home, JUPYTER_DATA_DIR: "/d" }, "linux", "/d"],
  ] as const)("%o on %s: %s", (env, platform, folder) => {
    expect(dataFolder(undefined, env, platform)).toBe(folder);
  });
});
