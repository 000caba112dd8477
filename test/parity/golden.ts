/**
 * `npm run parity -- golden`: every golden model, with every strategy, in prefill and in decode, against the logits of transformers. The error
 * is ‖a − b‖₂ / ‖b‖₂ of each row of logits; the worst row counts, and must be at most 1e-4. Exit code 1 on a miss.
 */
import { callNativeSync } from "../../lab/native.js";
import { goldenFile, goldenModels, goldenSource, goldenValues, rowErrors } from "../support/golden.js";
import { forward, nearT, openModel, type Way } from "./forward.js";

const LIMIT = 1e-4;
/** Distance from t below which rounding in float32 may decide. */
const MARGIN = 1e-5;

const columns = (...cells: string[]) =>
  console.log(
    cells
      .map((cell, i) => cell.padEnd([24, 10, 9, 11, 10][i] ?? 0))
      .join(" ")
      .trimEnd(),
  );

/** Returns whether all of them agree. */
export async function golden(): Promise<boolean> {
  let rows = 0;
  let missed = 0;
  let worst = 0;
  console.log(`logits against ${goldenSource()}; limit ${LIMIT.toExponential(0)}, CPU ${callNativeSync((addon) => addon.cpu)}`);
  columns("model", "strategy", "way", "worst row", "left out", "");
  for (const model of goldenModels()) {
    const native = await openModel(goldenFile(model));
    for (const strategy of ["dense", "exact"] as const) {
      for (const way of ["prefill", "decode"] satisfies Way[]) {
        rows++;
        let cells: string[];
        try {
          const { logits, gatePre } = await forward(native, model, strategy, way);
          const near = nearT(model, gatePre, MARGIN);
          const errors = rowErrors(logits, goldenValues(model), model.vocab).filter((_, token) => !near[token]);
          // Nothing left to compare is no agreement.
          const error = errors.length > 0 ? errors.reduce((a, b) => (Number.isNaN(b) || b > a ? b : a), 0) : Number.NaN;
          const good = error <= LIMIT;
          if (!good) missed++;
          worst = Math.max(worst, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
          const out = near.filter(Boolean).length;
          cells = [error.toExponential(2), out ? `${out} of ${near.length}` : "0", good ? "" : "MISSED"];
        } catch (error) {
          missed++;
          cells = ["-", "-", `MISSED: ${(error as Error).message}`];
        }
        columns(model.name, strategy, way, ...cells);
      }
    }
    callNativeSync((addon) => addon.closeModel(native));
  }
  console.log(`${rows - missed} of ${rows} agree, worst ${worst.toExponential(2)}`);
  return missed === 0 && rows > 0;
}
