/** Native programs that only a bench or a comparison needs: built by CMake when first needed. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { packageInfo } from "../../lab/package.js";

const run = promisify(execFile);
export const { root } = packageInfo();

/** Builds a target in build/release/ and returns its path; `settings` are CMake's. */
export async function build(target: string, settings: Readonly<Record<string, string>> = {}): Promise<string> {
  const folder = join(root, "build", "release");
  const options = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
  try {
    await run("cmake", ["--preset", "release", ...options], { cwd: root });
    await run("cmake", ["--build", folder, "--target", target, "--parallel"], { maxBuffer: 1 << 26 });
  } catch (error) {
    const { stdout, stderr, message } = error as { stdout?: string; stderr?: string; message: string };
    throw new Error(
      `${target} could not be built: ${[stdout, stderr].join("\n").trim().split("\n").slice(-20).join("\n") || message}`,
    );
  }
  return join(folder, target);
}
