/**
 * Opens an address in the user's browser where there is one to see: on macOS always, elsewhere with a display. Whether that worked
 * does not matter, since the address is printed as well.
 */
import { spawn } from "node:child_process";

export function openBrowser(address) {
  const mac = process.platform === "darwin";
  if (!mac && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) return;
  const child = spawn(mac ? "open" : "xdg-open", [address], { stdio: "ignore", detached: true });
  child.on("error", () => {});
  child.unref();
}
