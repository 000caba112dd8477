/**
 * What the modules of cells (modules.ts, local.ts) and the code that runs cells (run.ts, errors.ts) know of each other. It hangs on
 * `process`, which both share even where they are evaluated in realms of their own.
 */
import type vm from "node:vm";

export interface Bridge {
  /**
   * The source map (JSON) of each local file that was compiled, by the name that stack traces give it. An object without a prototype: it is
   * made in the cells' realm, where the methods of a Map may be replaced.
   */
  readonly sources: Record<string, string>;
  /** `import()` in a script that was made while the cell ran: by `eval` or `new Function`. */
  importModule?: (specifier: string) => Promise<vm.Module>;
  /** The cell was stopped: what it was loading is not waited for. */
  stopped?: () => void;
}

const KEY = Symbol.for("sparselab.bridge");
const holder = process as unknown as { [KEY]?: Bridge };

export function bridge(): Bridge {
  if (!holder[KEY]) Object.defineProperty(holder, KEY, { value: { sources: Object.create(null) } satisfies Bridge });
  return holder[KEY]!;
}
