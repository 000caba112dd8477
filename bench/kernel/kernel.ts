/**
 * `npm run bench -- kernel`: our kernel beside tslab, ipykernel and Deno. Each round starts a new process of every kernel, one after the other, in an
 * order that rotates from round to round. Results are medians of the rounds.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { load, machine } from "../machine.js";
import { type Engine, engineNames, findEngine, type Missing } from "./engines.js";
import { FULL, measureRound, type Round, type Size } from "./measure.js";
import { type Measured, medians, table, targetLines, targets } from "./report.js";

const usage = `usage: npm run bench -- kernel [--rounds N] [--engines ${engineNames.join(",")}] [--out FILE] [--small]

  --rounds N    how often each is measured (5)
  --engines     some of them
  --out FILE    file for the numbers (bench/results/kernel-DATE.json)
  --small       a tenth of everything, to try it out: nothing is written without --out`;

function options(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        rounds: { type: "string", default: "5" },
        engines: { type: "string", default: engineNames.join(",") },
        out: { type: "string" },
        small: { type: "boolean", default: false },
      },
    });
    const rounds = Number(values.rounds);
    const names = values.engines.split(",");
    const stranger = names.find((name) => !engineNames.includes(name));
    if (stranger !== undefined) throw new Error(`unknown engine ${stranger}; known: ${engineNames.join(", ")}`);
    if (!Number.isInteger(rounds) || rounds < 1)
      throw new Error(`--rounds must be a whole number >= 1, received ${values.rounds}`);
    return { rounds, names, out: values.out, small: values.small };
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exit(2);
  }
}

const SMALL: Size = { cells: 30, repeats: 5, memoryCells: 40, floodLines: 20_000 };

export async function benchKernel(args: readonly string[]): Promise<void> {
  const { rounds, names, out, small } = options(args);
  const size = small ? SMALL : FULL;
  const engines: Engine[] = [];
  const missing: Missing[] = [];
  for (const name of names) {
    console.error(`· ${name}: installing it unless it is there`);
    const found = await findEngine(name);
    if ("missing" in found) missing.push(found);
    else engines.push(found);
  }

  const before = load();
  const results = new Map<Engine, { rounds: Round[]; failures: string[] }>(engines.map((e) => [e, { rounds: [], failures: [] }]));
  for (let round = 0; round < rounds; round++) {
    const turned = engines.map((_, i) => engines[(i + round) % engines.length]!);
    for (const engine of turned) {
      const begin = performance.now();
      try {
        results.get(engine)!.rounds.push(await measureRound(engine, size));
      } catch (error) {
        results.get(engine)!.failures.push((error as Error).message);
      }
      console.error(`· round ${round + 1} of ${rounds}: ${engine.name} (${((performance.now() - begin) / 1000).toFixed(1)} s)`);
    }
  }

  const measured: Measured[] = engines.map((engine) => ({ engine, ...results.get(engine)! }));
  const reached = targets(measured);
  console.log(`\n${table(measured, missing, size)}\n`);
  console.log(`medians of ${rounds} rounds; load of the machine before: ${before}, after: ${load()}\n`);
  if (!small) console.log(targetLines(reached));

  const date = new Date().toISOString();
  const path = out ?? (small ? undefined : join("bench", "results", `kernel-${date.slice(0, 10)}.json`));
  if (!path) return;
  mkdirSync(dirname(path), { recursive: true });
  const record = {
    what: "npm run bench -- kernel",
    date,
    machine: machine(),
    load: { before, after: load() },
    size,
    engines: Object.fromEntries([
      ...measured.map(({ engine, rounds, failures }) => [
        engine.name,
        { version: engine.version, language: engine.language, median: medians(rounds), rounds, failures },
      ]),
      ...missing.map(({ name, missing: why }) => [name, { missing: why }]),
    ]),
    targets: small ? [] : reached,
  };
  writeFileSync(path, `${JSON.stringify(record, null, 2)}\n`);
  console.log(`\n${path}`);
}
