/** Detects that the front end's server has died, so that the kernel exits too. Jupyter gives its process id in JPY_PARENT_PID. */

const EVERY_MS = 1000;

export function watchParent(gone: () => void): void {
  const parent = Number(process.env.JPY_PARENT_PID);
  if (!Number.isInteger(parent) || parent <= 1) return;
  // A direct child gets another parent when its own ends. That is safer than probing a process id, which may be reused.
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
