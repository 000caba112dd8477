/**
 * `npm run parity -- models`: a random model of every architecture in every weight type on every instruction set of this machine, against the
 * forward pass in float64. A cell holds the worst error of its row's instruction sets; all of them must give the same bits.
 */
import { fork } from "node:child_process";
import { join } from "node:path";
import type { ModelResult } from "./column.js";
import { LIMIT } from "./random.js";
import { WEIGHT_NAMES } from "./random-llama.js";

const SETS = ["avx512", "avx2", "neon", "plain"];

/** The results of one instruction set; undefined where this machine does not run it. */
function column(isa: string, seed: number): Promise<readonly ModelResult[] | undefined> {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, "column.js"), [String(seed)], {
      env: { ...process.env, SPARSELAB_ISA: isa },
      stdio: ["ignore", "inherit", "pipe", "ipc"],
    });
    const results: ModelResult[] = [];
    let errors = "";
    child.stderr?.on("data", (text) => {
      errors += text;
    });
    child.on("message", (result) => results.push(result as ModelResult));
    child.on("error", reject).on("close", (code) => {
      if (code === 0) resolve(results);
      else if (errors.includes(`SPARSELAB_ISA is "${isa}"; this machine runs`)) resolve(undefined);
      else reject(new Error(`${isa}: ${errors}`));
    });
  });
}

/** What is wrong with a model on some instruction sets; "" where all is well. */
export function faultOf(results: readonly ModelResult[]): string {
  if (results.some(({ error }) => !(error <= LIMIT))) return "MISSED";
  if (results.some(({ differing }) => differing.length > 0)) return "WAYS DIFFER";
  if (new Set(results.map(({ bits }) => bits)).size > 1) return "SETS DIFFER";
  return "";
}

/** Returns whether every model agrees. */
export async function models({ seed }: { seed: number }): Promise<boolean> {
  const columns = new Map<string, readonly ModelResult[]>();
  for (const isa of SETS) {
    const results = await column(isa, seed);
    if (results) columns.set(isa, results);
  }
  console.log(
    `random models from seed ${seed} on ${[...columns.keys()].join(", ")}; limit ${LIMIT.toExponential(0)} of the logits' norm`,
  );
  const all = [...columns.values()].flat();
  const architectures = [...new Set(all.map(({ architecture }) => architecture))];
  const cells = WEIGHT_NAMES.map((type) => [
    type,
    ...architectures.map((architecture) => {
      const results = all.filter((one) => one.architecture === architecture && one.type === type);
      const worst = Math.max(...results.map(({ error }) => error));
      return results.length < columns.size ? "NOT RUN" : faultOf(results) || worst.toExponential(1);
    }),
  ]);
  for (const row of [["", ...architectures], ...cells])
    console.log(
      row
        .map((cell) => cell.padEnd(12))
        .join("")
        .trimEnd(),
    );
  const good = cells.flat().filter((cell) => /^\d/.test(cell)).length;
  console.log(
    `${good} of ${WEIGHT_NAMES.length * architectures.length} agree on ${columns.size} instruction sets, with the same bits`,
  );
  return columns.size > 0 && architectures.length > 0 && good === WEIGHT_NAMES.length * architectures.length;
}
