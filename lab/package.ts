/** The folder and version of the package, found from the sources (lab/) and from the build (dist/lab/). */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

interface Package {
  readonly root: string;
  readonly version: string;
}
let found: Package | undefined;

export function packageInfo(): Package {
  if (found) return found;
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    try {
      const { name, version } = JSON.parse(readFileSync(join(at, "package.json"), "utf8")) as { name?: string; version: string };
      if (name === "sparselab") {
        found = { root: at, version };
        return found;
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    if (dirname(at) === at) throw new Error("the package.json of sparselab was not found above its own code");
  }
}

/**
 * The bundled model: small, trained for sparsity, and enough to try everything on.
 * @example
 * const model = await load(tinyWorld);
 */
export const tinyWorld: string = join(packageInfo().root, "notebooks", "models", "tiny-world.q8_0.gguf");
