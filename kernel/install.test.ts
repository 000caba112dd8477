import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { installKernel, uninstallKernel } from "./install.js";

test("writes and removes the kernelspec", () => {
  const prefix = mkdtempSync(join(tmpdir(), "sparselab-install-"));
  try {
    const folder = installKernel(prefix);
    expect(folder).toBe(join(prefix, "share/jupyter/kernels/sparselab"));
    const spec = JSON.parse(readFileSync(join(folder, "kernel.json"), "utf8"));
    expect(spec).toMatchObject({ display_name: "sparselab (TypeScript)", language: "typescript", interrupt_mode: "message" });
    expect(spec.argv[0]).toBe(process.execPath);
    expect(spec.argv[2]).toBe("{connection_file}");
    uninstallKernel(prefix);
    expect(() => readFileSync(join(folder, "kernel.json"))).toThrow("ENOENT");
  } finally {
    rmSync(prefix, { recursive: true });
  }
});
