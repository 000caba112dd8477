/**
 * The kernels that are measured: ours as built here, the others pinned and installed as their users install them, each into a folder of its own
 * below build/bench/. One that cannot be installed or does not run is reported as missing, with the reason.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = dirname(createRequire(import.meta.url).resolve("sparselab/package.json"));
const folder = join(root, "build", "bench");
const PINNED = { tslab: "1.0.22", "@types/node": "20.19.0", deno: "2.9.6", ipykernel: "7.4.0" };

export interface Engine {
  readonly name: string;
  readonly version: string;
  readonly language: "typescript" | "python";
  readonly command: string;
  /** Arguments, given the connection file. */
  readonly args: (connection: string) => string[];
  /** Where it runs. */
  readonly cwd: string;
  /** Whether it sends `iopub_welcome` to a new listener. */
  readonly welcomes: boolean;
}
export interface Missing {
  readonly name: string;
  readonly missing: string;
}

/** The folder in which the others run: TypeScript kernels find their types above it. */
function workFolder(...above: string[]): string {
  const path = join(folder, ...above, "work");
  mkdirSync(path, { recursive: true });
  return path;
}

async function npmPackages(): Promise<string> {
  const home = join(folder, "node");
  const { tslab, deno } = PINNED;
  const manifest = JSON.stringify({ private: true, dependencies: { tslab, deno, "@types/node": PINNED["@types/node"] } });
  const path = join(home, "package.json");
  mkdirSync(home, { recursive: true });
  const installed = existsSync(join(home, "node_modules", ".package-lock.json"));
  if (installed && existsSync(path) && readFileSync(path, "utf8") === manifest) return home;
  writeFileSync(path, manifest);
  // A workspace above must not take it for its own.
  await run("npm", ["install", "--no-audit", "--no-fund", "--no-workspaces"], { cwd: home });
  return home;
}

const versionIn = (path: string): string => (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;

function sparselab(): Engine {
  return {
    name: "sparselab",
    version: versionIn(join(root, "package.json")),
    language: "typescript",
    command: process.execPath,
    args: (connection) => [join(root, "dist", "kernel", "server", "main.js"), connection],
    cwd: workFolder(),
    welcomes: true,
  };
}

async function tslab(): Promise<Engine> {
  const home = await npmPackages();
  const main = join(home, "node_modules", "tslab", "bin", "tslab");
  return {
    name: "tslab",
    version: versionIn(join(home, "node_modules", "tslab", "package.json")),
    language: "typescript",
    command: process.execPath,
    args: (connection) => [main, "kernel", `--config-path=${connection}`],
    cwd: workFolder("node"),
    welcomes: false,
  };
}

async function deno(): Promise<Engine> {
  const home = await npmPackages();
  const scope = join(home, "node_modules", "@deno");
  // The binary is a package of its own for each platform; the installing script of the main one is not needed.
  const platform = existsSync(scope) ? readdirSync(scope).find((name) => existsSync(join(scope, name, "deno"))) : undefined;
  if (!platform) throw new Error("its package for this platform was not installed");
  return {
    name: "deno",
    version: versionIn(join(home, "node_modules", "deno", "package.json")),
    language: "typescript",
    command: join(scope, platform, "deno"),
    args: (connection) => ["jupyter", "--kernel", "--conn", connection],
    cwd: workFolder("node"),
    welcomes: false,
  };
}

async function ipykernel(): Promise<Engine> {
  const home = join(folder, "python");
  const python = join(home, "bin", "python");
  const version = async () =>
    (await run(python, ["-c", "import ipykernel; print(ipykernel.__version__)"]).catch(() => ({ stdout: "" }))).stdout.trim();
  if ((await version()) !== PINNED.ipykernel) {
    await run("python3", ["-m", "venv", "--clear", home]);
    await run(python, ["-m", "pip", "install", "-q", "--disable-pip-version-check", `ipykernel==${PINNED.ipykernel}`]);
  }
  return {
    name: "ipykernel",
    version: await version(),
    language: "python",
    command: python,
    args: (connection) => ["-m", "ipykernel_launcher", "-f", connection],
    cwd: workFolder(),
    welcomes: true,
  };
}

/** In the order in which they are measured. */
const known: Readonly<Record<string, () => Engine | Promise<Engine>>> = { sparselab, tslab, ipykernel, deno };
export const engineNames = Object.keys(known);

export async function findEngine(name: string): Promise<Engine | Missing> {
  try {
    return await known[name]!();
  } catch (error) {
    // The first line with content; npm and pip write many.
    const output = (error as { stderr?: string }).stderr || (error as Error).message;
    const line = output
      .split("\n")
      .map((text) => text.trim())
      .filter((text) => text && !/^npm (error|ERR!)? *(code|errno|syscall)?$/.test(text))[0];
    return { name, missing: (line ?? "it could not be installed").replaceAll(root, ".").slice(0, 200) };
  }
}
