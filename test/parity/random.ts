/**
 * `npm run parity -- random`: random llamas as files, each opened by the executor with every strategy, in prefill and in decode, on one to three
 * threads. All of these must give the same bits; the logits must be within LIMIT of the reference in float64, by ‖a − b‖₂ / ‖b‖₂ of each row.
 * SiLU models also meet llama.cpp, by the probabilities of each row.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { callNativeSync } from "../../lab/native.js";
import { rowErrors } from "../support/golden.js";
import { featuresOf } from "./architectures.js";
import { forward, openModel } from "./forward.js";
import { canBeCompared, type LlamaCpp, llamaCpp, llamaCppLimit } from "./llama-cpp.js";
import { describeShape, type RandomLlama, randomLlama, randomShape } from "./random-llama.js";
import { reference } from "./reference.js";

/** Rounding of float32 through up to 33 layers; a wrong formula is of order 1. */
export const LIMIT = 1e-4;
/** A gate nearer to FATReLU's t than this may fall on either side of it. */
const MARGIN = 1e-5;

export interface Compared {
  /** The worst row that counts; NaN if a number is not finite. */
  readonly error: number;
  /** Rows that say nothing: a gate of them, or of a row before them, lies at t. */
  readonly leftOut: number;
  /** Ways whose bits are not those of the first one. */
  readonly differing: readonly string[];
  /** (T, V) */
  readonly logits: Float32Array;
}

/** The executor on the file, against the reference and against itself. */
export async function compareWithReference(llama: RandomLlama, path: string): Promise<Compared> {
  const { shape } = llama;
  writeFileSync(path, llama.bytes);
  const native = await openModel(path);
  try {
    let first: Float32Array | undefined;
    const differing: string[] = [];
    for (const strategy of ["dense", "exact"] as const)
      for (const way of ["prefill", "decode"] as const)
        for (const threads of [1, 2, 3]) {
          const { logits } = await forward(
            native,
            shape,
            strategy,
            way,
            threads,
            featuresOf(shape.architecture).gate ? "ffn.gate_pre" : "ffn.up_pre",
          );
          first ??= logits;
          if (!Buffer.from(logits.buffer).equals(Buffer.from(first.buffer)))
            differing.push(`${strategy}, ${way}, ${threads} threads`);
        }
    const errors = errorsOf(first!);
    let leftOut = shape.tokens.length - errors.length;
    // Files with predictors under strategy `predicted` at cutoff 0, too.
    if (llama.model.has("blk.0.fc1.weight")) {
      const before = featuresOf(shape.architecture).gate ? "ffn.gate_pre" : "ffn.up_pre";
      const { logits } = await forward(native, shape, "predicted", "prefill", 2, before);
      const again = await forward(native, shape, "predicted", "decode", 3, before);
      if (!Buffer.from(logits.buffer).equals(Buffer.from(again.logits.buffer))) differing.push("predicted, decode");
      const predicted = errorsOf(logits, 0);
      errors.push(...predicted);
      leftOut += shape.tokens.length - predicted.length;
    }
    return {
      error: errors.reduce((worst, error) => (Number.isNaN(error) || error > worst ? error : worst), 0),
      leftOut,
      differing,
      logits: first!,
    };
    // FATReLU and predictors jump; a token at the jump spoils those that attend to it.
    function errorsOf(found: Float32Array, cutoff?: number): number[] {
      const { logits, margin, scoreMargin } = reference(llama.model, shape.tokens, cutoff);
      const spoilt = margin.findIndex(
        (distance, i) => (shape.activation === "fatrelu" && distance < MARGIN) || scoreMargin[i]! < MARGIN,
      );
      return rowErrors(found, logits, shape.vocab).slice(0, spoilt < 0 ? undefined : spoilt);
    }
  } finally {
    callNativeSync((addon) => addon.closeModel(native));
  }
}

/** Returns whether all of them agree. */
export async function random({ n, seed }: { n: number; seed: number }): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), "sparselab-parity-"));
  const llama: LlamaCpp | undefined = await llamaCpp();
  console.log(
    `${n} random models from seed ${seed}; limit ${LIMIT.toExponential(0)} of the logits' norm; ${llama ? `llama.cpp ${llama.version}` : "llama.cpp left out: NODE_LLAMA_CPP names no folder"}`,
  );
  console.log(`${"float64".padEnd(9)} ${"llama.cpp".padEnd(9)} left out  model`);
  let missed = 0;
  let compared = 0;
  const worst = { float64: 0, llama: 0 };
  try {
    for (let i = 0; i < n; i++) {
      const one = randomLlama(randomShape(seed + i));
      const path = join(folder, "model.gguf");
      let line: string;
      try {
        const { error, leftOut, differing } = await compareWithReference(one, path);
        const rows = one.shape.tokens.length - leftOut;
        compared += rows;
        const theirs = llama && canBeCompared(one.shape) ? await llama.worstRow(one, path) : undefined;
        const good = error <= LIMIT && differing.length === 0 && (theirs === undefined || theirs <= llamaCppLimit(one.shape));
        if (!good) missed++;
        worst.float64 = Math.max(worst.float64, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
        worst.llama = Math.max(worst.llama, theirs ?? 0);
        line = `${error.toExponential(2).padEnd(9)} ${(theirs?.toExponential(2) ?? "").padEnd(9)} ${String(leftOut).padEnd(8)}  ${describeShape(one.shape)}`;
        if (differing.length) line += ` OTHER BITS: ${differing.join("; ")}`;
        if (!good) line += ` MISSED, seed ${seed + i}`;
      } catch (error) {
        missed++;
        line = `MISSED, seed ${seed + i}: ${describeShape(one.shape)}: ${(error as Error).message}`;
      }
      console.log(line);
    }
  } finally {
    await llama?.close();
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(
    `${n - missed} of ${n} agree in ${compared} rows, worst ${worst.float64.toExponential(2)}${llama ? `, of llama.cpp ${worst.llama.toExponential(2)}` : ""}`,
  );
  return missed === 0 && compared > 0;
}
