/**
 * How an `ffn_down` lies in memory. A file stores it by output. `exact` and `predicted` skip the silent neurons of one that was regrouped by neuron, a copy;
 * `dense` reads it as stored. The bits of every result are the same.
 */
import { architecture, number } from "../metadata.js";
import type { Arithmetic, DownForm, FileTable } from "../native.js";
import { type Activation, resolveActivation } from "./activation.js";
import { type Strategy, strategyOf } from "./options.js";

/** Under int8 a block of activations spans neurons, so `ffn_down` stays as stored. Otherwise follows the strategy that `load` will choose. A file whose activation cannot be known is not copied: the error comes once it is open. */
export function formOfDown(
  table: FileTable,
  activation: Activation | undefined,
  strategy: Strategy = "auto",
  arithmetic?: Arithmetic,
): DownForm {
  if (arithmetic === "int8") return "as-stored";
  try {
    const layers = number(table, `${architecture(table)}.block_count`) ?? 0;
    const { kind } = resolveActivation(table, layers, activation);
    return strategyOf(strategy, kind) === "dense" ? "as-stored" : "by-neuron";
  } catch {
    return "as-stored";
  }
}
