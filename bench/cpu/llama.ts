/**
 * llama.cpp's own library from the npm package `@node-llama-cpp/linux-x64`, and the headers of the same release from the git bundle in
 * `node-llama-cpp`. Neither is a dependency of the project, since users of the lab don't need these 46 MB. Pinned by version and hash, they are
 * fetched into build/bench/ by the first bench that needs them.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../../test/support/build.js";

const run = promisify(execFile);
const VERSION = "3.22.1";
const PACKAGES = {
  "@node-llama-cpp/linux-x64": "sha512-5uCCDNqWCNfaAm8aR/Uzxbo4HBpKgNF91kCHPepKhgMgV2OAmatoefbOlMihsqCiH2Od35E/eUHQCFbfRBJuOg==",
  "node-llama-cpp": "sha512-bltIipuWmc123H7tMIgDGKSsSrhmhlQYeVUC48XTjVW7XGJJiJJyCdlTMzQ/LiWoPkGDpcL4FviDpgw7qfTiDw==",
} as const;

export interface LlamaCpp {
  /** The npm package's version, and llama.cpp's own. */
  readonly version: string;
  readonly release: string;
  /** A source tree with its headers. */
  readonly source: string;
  /** The folder of its libraries. */
  readonly folder: string;
}

/** Throws if it is not available: another platform, no network. */
export async function fetchLlamaCpp(): Promise<LlamaCpp> {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new Error(`its library is compared on Linux x64 only; this is ${process.platform} ${process.arch}`);
  const home = join(root, "build", "bench", `llama-${VERSION}`);
  const folder = join(home, "linux-x64", "bins", "linux-x64");
  const source = join(home, "source");
  const done = join(home, "done");
  if (!existsSync(done)) {
    rmSync(home, { recursive: true, force: true });
    for (const [name, integrity] of Object.entries(PACKAGES)) {
      const target = join(home, name.split("/").at(-1)!);
      mkdirSync(target, { recursive: true });
      const { stdout } = await run("npm", ["pack", "--json", "--silent", "--pack-destination", home, `${name}@${VERSION}`], {
        cwd: home,
      });
      const [packed] = JSON.parse(stdout) as { filename: string; integrity: string }[];
      if (packed?.integrity !== integrity)
        throw new Error(`${name} ${VERSION} is not the package that is pinned here: ${packed?.integrity}`);
      const archive = join(home, packed.filename);
      await run("tar", ["-xzf", archive, "-C", target, "--strip-components", "1"]);
      rmSync(archive);
    }
    const bundle = join(home, "node-llama-cpp", "llama", "gitRelease.bundle");
    await run("git", ["-c", "advice.detachedHead=false", "clone", "--quiet", bundle, source]);
    rmSync(join(home, "node-llama-cpp"), { recursive: true });
    writeFileSync(done, "");
  }
  const build = JSON.parse(readFileSync(join(folder, "_nlcBuildMetadata.json"), "utf8")) as {
    buildOptions: { llamaCpp: { release: string } };
  };
  return { version: VERSION, release: build.buildOptions.llamaCpp.release, source, folder };
}
