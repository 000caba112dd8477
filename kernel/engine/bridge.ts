/**
 * What the modules of cells (modules.ts, local.ts) and the code that runs cells (run.ts, errors.ts) share. They are evaluated in different
 * realms, so it is a property of `process`, which both have.
 */
import type vm from "node:vm";

export interface Bridge {
  /**
   * The source map (JSON) of each compiled local file, by its name in stack traces. An object without a prototype and not a Map, whose
   * methods a cell may have replaced.
   */
  readonly sources: Record<string, string>;
  /** Serves `import()` in code made by `eval` or `new Function`. */
  importModule?: (specifier: string) => Promise<vm.Module>;
  /** Called when the cell is stopped: modules that it was loading are dropped. */
  stopped?: () => void;
}

const KEY = Symbol.for("sparselab.bridge");
const holder = process as unknown as { [KEY]?: Bridge };

export function bridge(): Bridge {
  if (!holder[KEY]) Object.defineProperty(holder, KEY, { value: { sources: Object.create(null) } satisfies Bridge });
  return holder[KEY]!;
}
