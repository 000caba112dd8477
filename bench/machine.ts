/** What every bench records of the machine that it runs on, and the median. */
import { cpus, loadavg, release, totalmem, type } from "node:os";

export const machine = () => ({
  processor: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  system: `${type()} ${release()}`,
  node: process.versions.node,
});
/** Processes that wanted to run, mean of the last minute: other work on the machine makes every number larger. */
export const load = (): number => Math.round(loadavg()[0]! * 100) / 100;

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};
