/** Waits for a condition without an event, such as the end of another process, by polling. The test's own timeout is the limit. */
import { setTimeout as sleep } from "node:timers/promises";

const LOOK_MS = 20;

/** Resolves when `condition` holds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(LOOK_MS);
}
