/** `npm run bench -- NAME [OPTIONS]`: measurements, each beside what it is compared with, in one run. They are not part of the tests. */
import { nearest } from "../lab/errors.js";
import { benchCpu } from "./cpu/cpu.js";
import { benchInstructions } from "./instructions/instructions.js";
import { benchKernel } from "./kernel/kernel.js";

const benches: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  cpu: benchCpu,
  instructions: benchInstructions,
  kernel: benchKernel,
};

const [name, ...args] = process.argv.slice(2);
const bench = name !== undefined && Object.hasOwn(benches, name) ? benches[name] : undefined;
if (bench) await bench(args);
else {
  const near = name === undefined ? undefined : nearest(name, Object.keys(benches));
  console.error(
    `usage: npm run bench -- ${Object.keys(benches).join("|")} [OPTIONS]${near ? `; did you mean ${near}?` : name ? `; unknown bench ${name}` : ""}`,
  );
  process.exitCode = 2;
}
