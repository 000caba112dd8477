/** The command line of a program with several targets: `PROGRAM [TARGET] [--n COUNT] [--seed NUMBER]`. Wrong usage ends it with status 2. */
import { parseArgs } from "node:util";

export interface Amount {
  readonly n: number;
  /** A new one where none is given. */
  readonly seed: number;
}
/** Returns whether all went well. */
export type Target = (amount: Amount) => Promise<boolean>;

/** Runs the target that the arguments name, by default the first. The exit status is 1 where not all went well. */
export async function runTarget(program: string, targets: Readonly<Record<string, Target>>, count: number): Promise<void> {
  const names = Object.keys(targets);
  const wrong = (): never => {
    console.error(`usage: npm run ${program} -- [${names.join("|")}] [--n COUNT] [--seed NUMBER], whole numbers`);
    process.exit(2);
  };
  const options = () => {
    try {
      return parseArgs({ options: { n: { type: "string" }, seed: { type: "string" } }, allowPositionals: true });
    } catch {
      return wrong();
    }
  };
  const { values, positionals } = options();
  const n = Number(values.n ?? count);
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
  const [name = names[0]!, ...rest] = positionals;
  const target = Object.hasOwn(targets, name) ? targets[name]! : wrong();
  if (rest.length > 0 || !Number.isSafeInteger(n) || n < 1 || !Number.isSafeInteger(seed) || seed < 0) wrong();
  process.exitCode = (await target({ n, seed })) ? 0 : 1;
}
