import { copyFileSync, mkdtempSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, vi } from "vitest";

it("a damaged file of the cache, and a name that is nearly one, say how to go on", async () => {
  const cache = mkdtempSync(join(tmpdir(), "sparselab-cache-"));
  vi.stubEnv("SPARSELAB_CACHE", cache);
  vi.resetModules();
  try {
    const { loadQuietly } = await import("./load.js");
    const { smollm2 } = await import("../fetch/known.js");
    const { tinyWorld } = await import("../package.js");
    await expect(loadQuietly(smollm2)).rejects.toThrow(/not on this machine yet\. Run "npx sparselab fetch smollm2"/);
    copyFileSync(tinyWorld, smollm2);
    truncateSync(smollm2, 100_000);
    await expect(loadQuietly("smollm2")).rejects.toThrow(/truncated or damaged\. Bring it again: "npx sparselab fetch smollm2"/);
    await expect(loadQuietly("smolm2")).rejects.toThrow(/No such file\. Did you mean "smollm2", a model that fetch brings\?/);
  } finally {
    vi.unstubAllEnvs();
    rmSync(cache, { recursive: true });
  }
});
