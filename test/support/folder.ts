/** A temporary folder for the files of a test, gone when the test file is done. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/** Writes bytes under a name and gives the path. */
export function temporaryFolder(): (name: string, bytes: Uint8Array) => string {
  const folder = mkdtempSync(join(tmpdir(), "sparselab-test-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  return (name, bytes) => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };
}
