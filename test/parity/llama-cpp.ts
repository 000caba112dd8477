/**
 * llama.cpp as a second opinion, through node-llama-cpp, which is no dependency of the project: the variable NODE_LLAMA_CPP names a folder in
 * which it is installed. llama.cpp rounds its inputs to the weights' type, so each model is shown to it as a float32 twin with the same values,
 * with a float32 cache. It gives probabilities, not logits.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { featuresOf } from "./architectures.js";
import { type RandomLlama, type Shape, WITH_BYTES } from "./random-llama.js";
import { reference } from "./reference.js";

interface Step {
  readonly next: { readonly probabilities?: ReadonlyMap<number, number> };
}
/** The part of node-llama-cpp that is used. */
interface Library {
  getLlama(options: object): Promise<{
    loadModel(options: object): Promise<{
      createContext(options: object): Promise<{ getSequence(): { controlledEvaluate(input: unknown[]): Promise<Step[]> } }>;
      dispose(): Promise<void>;
    }>;
    dispose(): Promise<void>;
  }>;
}

export interface LlamaCpp {
  readonly version: string;
  /** Of each row of a file's forward pass, the probability of each token, (T, V). */
  probabilities(path: string, tokens: readonly number[], vocab: number): Promise<Float64Array>;
  /** The worst row's relative error of the probabilities. The file at `path` is overwritten. */
  worstRow(model: RandomLlama, path: string): Promise<number>;
  close(): Promise<void>;
}

/**
 * llama.cpp computes each architecture's own activation, knows no bamboo, inverts minicpm's logit scale where it is no key, takes
 * nemotron and qwen2 only with heads that add up to the hidden size, and ends with vocabularies without a token for each byte.
 */
export const canBeCompared = (shape: Shape): boolean =>
  shape.architecture !== "bamboo" &&
  shape.activation === featuresOf(shape.architecture).activation &&
  (shape.architecture !== "minicpm" || shape.scaleKeys) &&
  (!["nemotron", "qwen2"].includes(shape.architecture) || shape.heads * shape.headSize === shape.hidden) &&
  shape.vocab === WITH_BYTES;
/** Of the probabilities. It takes GELU from a table in half precision. */
export const llamaCppLimit = (shape: Shape): number => (shape.activation === "gelu_tanh" ? 2e-2 : 1e-4);

/** Undefined where the variable is not set. */
export async function llamaCpp(): Promise<LlamaCpp | undefined> {
  const folder = process.env.NODE_LLAMA_CPP;
  if (!folder) return undefined;
  const home = join(folder, "node_modules", "node-llama-cpp");
  const { default: about } = (await import(pathToFileURL(join(home, "package.json")).href, { with: { type: "json" } })) as {
    default: { version: string };
  };
  const library = (await import(pathToFileURL(join(home, "dist", "index.js")).href)) as Library;
  const llama = await library.getLlama({ gpu: false, build: "never", progressLogs: false, logLevel: "error" });
  const probabilities = async (path: string, tokens: readonly number[], vocab: number) => {
    const opened = await llama.loadModel({ modelPath: path });
    try {
      const context = await opened.createContext({
        contextSize: 64,
        experimentalKvCacheKeyType: "F32",
        experimentalKvCacheValueType: "F32",
        flashAttention: false,
      });
      const steps = await context
        .getSequence()
        .controlledEvaluate(tokens.map((token) => [token, { generateNext: { probabilities: true } }]));
      if (steps.length !== tokens.length) throw new Error(`llama.cpp gave ${steps.length} rows for ${tokens.length} tokens`);
      const all = new Float64Array(tokens.length * vocab);
      steps.forEach(({ next }, row) => {
        if (next.probabilities?.size !== vocab)
          throw new Error(`llama.cpp gave ${next.probabilities?.size} probabilities of ${vocab}`);
        for (const [token, p] of next.probabilities) all[row * vocab + token] = p;
      });
      return all;
    } finally {
      await opened.dispose();
    }
  };
  return {
    version: about.version,
    probabilities,
    async worstRow(model, path) {
      writeFileSync(path, model.float32);
      const { tokens, vocab } = model.shape;
      const theirs = await probabilities(path, tokens, vocab);
      const ours = reference(model.model, tokens).logits;
      let worst = 0;
      for (let row = 0; row < tokens.length; row++) {
        const logits = ours.subarray(row * vocab, (row + 1) * vocab);
        const most = Math.max(...logits);
        const total = logits.reduce((sum, value) => sum + Math.exp(value - most), 0);
        let difference = 0;
        let norm = 0;
        for (let token = 0; token < vocab; token++) {
          const p = Math.exp(logits[token]! - most) / total;
          difference += (p - theirs[row * vocab + token]!) ** 2;
          norm += p ** 2;
        }
        worst = Math.max(worst, Math.sqrt(difference / norm));
      }
      return worst;
    },
    close: () => llama.dispose(),
  };
}
