/**
 * The browser for the browser tests: the machine's own Chromium or Chrome. As root on Debian a missing one is installed, and a line says so.
 * Elsewhere it is an error that says how to install one.
 */
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { run, SetupError, step } from "./step.mjs";

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const apps = [
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

function runs(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The browser's path, or undefined. */
export function findChromium() {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  return [...names.flatMap((name) => folders.map((folder) => join(folder, name))), ...apps].find(runs);
}

export async function needChromium() {
  const found = findChromium();
  if (found) return found;
  const debian = existsSync("/etc/debian_version");
  if (debian && process.getuid?.() === 0) {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const wait = "DPkg::Lock::Timeout=300";
    await step("Chromium for the browser tests: apt-get install chromium", async () => {
      await run("apt-get", ["update", "-q"], { env });
      await run("apt-get", ["install", "-y", "-q", "--no-install-recommends", "-o", wait, "chromium"], { env });
    });
    const installed = findChromium();
    if (installed) return installed;
  }
  const ways = [
    "Debian, Ubuntu: sudo apt install chromium",
    "Fedora: sudo dnf install chromium",
    "macOS: brew install --cask chromium",
  ];
  throw new SetupError(`the browser tests need Chromium or Chrome, and none was found.\n    ${ways.join("\n    ")}`);
}
