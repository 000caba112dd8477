/** A kernel whose front end died must not stay behind. Jupyter names its process in JPY_PARENT_PID. */

const EVERY_MS = 1000;

export function watchParent(gone: () => void): void {
  const parent = Number(process.env.JPY_PARENT_PID);
  if (!Number.isInteger(parent) || parent <= 1) return;
  // A direct child is handed to another process when its parent ends, which is surer than asking for a number that may be used anew.
  const direct = process.ppid === parent;
  const alive = (): boolean => {
    if (direct) return process.ppid === parent;
    try {
      process.kill(parent, 0);
      return true;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "EPERM";
    }
  };
  const timer = setInterval(() => {
    if (alive()) return;
    clearInterval(timer);
    gone();
  }, EVERY_MS);
  timer.unref();
}
