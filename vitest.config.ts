import { defineConfig } from "vitest/config";

// Unit tests are beside their files; tests of several folders are in test/. Native work is threaded, so files run one after another.
export default defineConfig({
  test: {
    include: ["lab/**/*.test.ts", "kernel/**/*.test.ts", "cli/**/*.test.ts", "test/**/*.test.ts", "bench/**/*.test.ts"],
    setupFiles: ["test/support/seed.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
});
