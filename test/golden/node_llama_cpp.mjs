/**
 * node-llama-cpp, the reference: in a folder of its own ($NODE_LLAMA_CPP, or a temporary one), since it is no dependency of the project. Its package
 * carries llama.cpp's sources as a git bundle, with vocabularies under models/.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export const folder = process.env.NODE_LLAMA_CPP ?? mkdtempSync(join(tmpdir(), "node-llama-cpp-"));
const packageFolder = join(folder, "node_modules", "node-llama-cpp");
if (!existsSync(packageFolder)) {
  execFileSync("npm", ["init", "-y"], { cwd: folder });
  execFileSync("npm", ["install", "--omit=optional", "node-llama-cpp@3.22.1", "@node-llama-cpp/linux-x64@3.22.1"], { cwd: folder, stdio: "inherit" });
}
export const models = join(folder, "llama.cpp", "models");
if (!existsSync(models)) execFileSync("git", ["clone", "-q", join(packageFolder, "llama", "gitRelease.bundle"), join(folder, "llama.cpp")]);
const { version } = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8"));
const { tag } = JSON.parse(readFileSync(join(packageFolder, "llama", "llama.cpp.info.json"), "utf8"));
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(join(packageFolder, "dist", "index.js")));
export const llama = await getLlama({ gpu: false, build: "never", progressLogs: false, logLevel: LlamaLogLevel.error });
export const source = `node-llama-cpp ${version}, llama.cpp ${tag}`;
