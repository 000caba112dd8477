/**
 * The parts of `npm run parity` that are native unit tests: `kernels`, every weight type on every instruction set of this machine against the
 * plain twins, as a table; and `functions`, exp, tanh and erf of every float32 there is.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { build } from "../support/build.js";

/** Runs the unit tests whose name contains `filter` and gives `each` their lines. Returns whether all of them passed. */
async function unitTest(filter: string, env: NodeJS.ProcessEnv, each: (line: string) => void): Promise<boolean> {
  const child = spawn(await build("sparselab_tests"), [filter], {
    env: { ...process.env, VERBOSE: "1", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  for await (const line of createInterface(child.stdout)) each(line);
  return (await ended) === 0;
}

export interface Cell {
  readonly type: string;
  readonly isa: string;
  readonly agrees: boolean;
}

/** The result that a line of the unit tests gives for a type on an instruction set; undefined for other lines. */
export function readCell(line: string): Cell | undefined {
  const [, outcome, type, isa] = /^(passed|FAILED) parity: (\S+) on (\S+) /.exec(line) ?? [];
  return type && isa ? { type, isa, agrees: outcome === "passed" } : undefined;
}

/** A row for each type, a column for each instruction set. A pair without a result says "not run". */
export function tableOf(cells: readonly Cell[]): string {
  const sets = [...new Set(cells.map((cell) => cell.isa))];
  const types = [...new Set(cells.map((cell) => cell.type))];
  const word = (type: string, isa: string) => {
    const cell = cells.find((one) => one.type === type && one.isa === isa);
    if (!cell) return "not run";
    return cell.agrees ? "same bits" : "DIFFERS";
  };
  const row = (...columns: string[]) =>
    columns
      .map((text) => text.padEnd(10))
      .join("")
      .trimEnd();
  return [row("", ...sets), ...types.map((type) => row(type, ...sets.map((isa) => word(type, isa))))].join("\n");
}

/** Returns whether every type gives the plain twin's bits on every instruction set. */
export async function kernels(): Promise<boolean> {
  const cells: Cell[] = [];
  const passed = await unitTest("parity: ", {}, (line) => {
    const cell = readCell(line);
    if (cell) cells.push(cell);
    if (!cell?.agrees && !/^passed|^\d+ passed/.test(line)) console.log(line);
  });
  console.log(tableOf(cells));
  return passed && cells.length > 0 && cells.every((cell) => cell.agrees);
}

/** Returns whether exp, tanh and erf are within 1.5 ulp of long double for every float32, with the same bits on every instruction set. */
export const functions = (): Promise<boolean> => unitTest("float32 functions", { SPARSELAB_EXHAUSTIVE: "1" }, console.log);
