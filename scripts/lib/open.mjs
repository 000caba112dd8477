/**
 * Opens an address in the user's browser: on macOS always, elsewhere if there is a display. A failure is ignored, since the address is printed
 * as well.
 */
import { spawn } from "node:child_process";

export function openBrowser(address) {
  const mac = process.platform === "darwin";
  if (!mac && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) return;
  const child = spawn(mac ? "open" : "xdg-open", [address], { stdio: "ignore", detached: true });
  child.on("error", () => {});
  child.unref();
}
