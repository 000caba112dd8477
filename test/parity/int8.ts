/**
 * `npm run parity -- int8`: arithmetic "int8" beside llama.cpp, on new random models (architecture llama, SiLU) in each quantised type. Both read the
 * same file; llama.cpp has a float32 cache and no flash attention, and runs on x86. It gives probabilities: their logarithms are the logits but for one
 * number, so both sides are compared around their mean, by ‖a − b‖₂ / ‖b‖₂ of each row. Nothing here is a reference of the lab's own.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { callNativeSync } from "../../lab/native.js";
import { forward, openModel } from "./forward.js";
import { llamaCpp } from "./llama-cpp.js";
import { describeShape, randomLlama, randomShape, type Shape, WITH_BYTES } from "./random-llama.js";

/** Of the logits. A wrong sum or scale is of order 1e-2 or more in every row. */
export const LIMIT = 1e-3;
/**
 * Between the products the two sides round differently, by 1e-7. Where that moves an activation over the middle between two integers, the row differs by
 * about what int8 itself costs, and rows that attend to it follow. So not all models can be asked for, but most.
 */
const LEAST_SHARE = 0.75;
const TYPES = ["Q8_0", "Q4_0", "Q5_0", "Q4_1", "Q5_1", "Q4_K", "Q5_K", "Q6_K"] as const;
/** Of more layers more models have such a row. */
const MOST_LAYERS = 5;

/** A model that llama.cpp takes as it is. */
export function int8Shape(seed: number, type: (typeof TYPES)[number]): Shape {
  const shape = randomShape(seed, "llama", type);
  const layers = Math.min(shape.layers, MOST_LAYERS);
  const tokens = shape.tokens.map((token, i) => (token * 7919 + 31 * i) % WITH_BYTES);
  return {
    ...shape,
    magic: "GGUF",
    activation: "silu",
    layers,
    t: shape.t.slice(0, layers).map(() => 0),
    vocab: WITH_BYTES,
    tokens,
  };
}

/** Row by row, the worst relative difference of logits `a` from log-probabilities `b`, each around its mean. */
function worstRow(a: Float32Array, b: Float64Array, vocab: number): number {
  let worst = 0;
  for (let at = 0; at < a.length; at += vocab) {
    const mean = (row: ArrayLike<number>) =>
      Array.from({ length: vocab }, (_, i) => row[at + i]!).reduce((x, y) => x + y, 0) / vocab;
    const [ma, mb] = [mean(a), mean(b)];
    let difference = 0;
    let norm = 0;
    for (let i = at; i < at + vocab; i++) {
      difference += (a[i]! - ma - (b[i]! - mb)) ** 2;
      norm += (b[i]! - mb) ** 2;
    }
    const error = Math.sqrt(difference / norm);
    if (!(error <= worst)) worst = error;
  }
  return worst;
}

/** Returns whether enough of them agree. */
export async function int8({ n, seed }: { n: number; seed: number }): Promise<boolean> {
  const llama = await llamaCpp();
  if (!llama) {
    console.error(
      "the variable NODE_LLAMA_CPP must name a folder in which node-llama-cpp is installed: npm install --prefix FOLDER node-llama-cpp@3.22.1",
    );
    return false;
  }
  const folder = mkdtempSync(join(tmpdir(), "sparselab-int8-"));
  const path = join(folder, "model.gguf");
  console.log(`${n} random models from seed ${seed}; limit ${LIMIT.toExponential(0)} of the logits; llama.cpp ${llama.version}`);
  console.log(`${"int8".padEnd(9)} ${"float".padEnd(9)} model`);
  const worst = new Map<string, number>();
  let missed = 0;
  try {
    for (let i = 0; i < n; i++) {
      const type = TYPES[i % TYPES.length]!;
      const one = randomLlama(int8Shape(seed + i, type));
      const { shape } = one;
      writeFileSync(path, one.bytes);
      const native = await openModel(path, "as-stored");
      try {
        const theirs = (await llama.probabilities(path, shape.tokens, shape.vocab)).map(Math.log);
        const error = async (arithmetic: "int8" | "float") => {
          const { logits } = await forward(native, shape, "exact", i % 2 ? "decode" : "prefill", 2, "ffn.gate_pre", arithmetic);
          return worstRow(logits, theirs, shape.vocab);
        };
        const [own, float] = [await error("int8"), await error("float")];
        const good = own <= LIMIT;
        if (!good) missed++;
        worst.set(type, Math.max(worst.get(type) ?? 0, Number.isNaN(own) ? Number.POSITIVE_INFINITY : own));
        console.log(
          `${own.toExponential(2).padEnd(9)} ${float.toExponential(2).padEnd(9)} ${describeShape(shape)}${good ? "" : ` over the limit, seed ${seed + i}`}`,
        );
      } finally {
        callNativeSync((addon) => addon.closeModel(native));
      }
    }
  } finally {
    await llama.close();
    rmSync(folder, { recursive: true, force: true });
  }
  const table = [...worst].map(([type, error]) => `${type} ${error.toExponential(1)}`).join(", ");
  console.log(`${n - missed} of ${n} within the limit, at least ${Math.ceil(LEAST_SHARE * n)} must be; worst: ${table}`);
  return n - missed >= LEAST_SHARE * n;
}
