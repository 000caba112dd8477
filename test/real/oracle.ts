/**
 * What llama.cpp says about SmolLM2, which the tests compare with: token ids of the text and of the pieces, the prompt of a question, and the
 * perplexity of each window of the text. `npm run test:real -- --oracle` computes it anew with node-llama-cpp, which is no dependency of the
 * project (the variable NODE_LLAMA_CPP names a folder in which it is installed), and writes it to oracle.json.
 *
 * Settings: CPU, float32 KV cache, no flash attention; llama.cpp rounds the inputs of each product to 8 bits, as it always does for these
 * weight types.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { packageInfo } from "../../lab/package.js";

const folder = join(packageInfo().root, "test", "real");
/** Tokens of a window; its second half is scored. */
export const WINDOW = 256;
export const WINDOWS = 4;
/** Rows of probabilities asked for at once; each is a map of the whole vocabulary. */
const ROWS = 16;

export interface Oracle {
  readonly by: string;
  readonly model: string;
  readonly window: number;
  /** Of text.txt; special texts are plain text there. */
  readonly ids: readonly number[];
  /** Of each entry of pieces.json, special texts as special tokens. */
  readonly pieces: readonly (readonly number[])[];
  /** Mean negative log-likelihood of the scored tokens of each window, in nats. */
  readonly nll: readonly number[];
}

export const textFile = join(folder, "text.txt");
export const pieces = JSON.parse(readFileSync(join(folder, "pieces.json"), "utf8")) as readonly string[];
export const committed = (): Oracle => JSON.parse(readFileSync(join(folder, "oracle.json"), "utf8")) as Oracle;

/** The part of node-llama-cpp that is used. */
interface Library {
  getLlama(options: object): Promise<{
    loadModel(options: object): Promise<{
      tokenize(text: string, special: boolean, leading?: "trimLeadingSpace"): number[];
      createContext(options: object): Promise<{
        getSequence(): {
          clearHistory(): Promise<void>;
          controlledEvaluate(
            input: readonly unknown[],
          ): Promise<readonly ({ readonly next: { readonly probabilities?: ReadonlyMap<number, number> } } | undefined)[]>;
        };
      }>;
      dispose(): Promise<void>;
    }>;
    dispose(): Promise<void>;
  }>;
}

/** Asks llama.cpp. */
export async function ask(file: string, name: string): Promise<Oracle> {
  const home = process.env.NODE_LLAMA_CPP;
  if (!home) throw new Error("NODE_LLAMA_CPP must name a folder in which node-llama-cpp is installed");
  const package_ = join(home, "node_modules", "node-llama-cpp");
  const { version } = JSON.parse(readFileSync(join(package_, "package.json"), "utf8")) as { version: string };
  const library = (await import(pathToFileURL(join(package_, "dist", "index.js")).href)) as Library;
  const llama = await library.getLlama({ gpu: false, build: "never", progressLogs: false, logLevel: "error" });
  const model = await llama.loadModel({ modelPath: file });
  try {
    const context = await model.createContext({
      contextSize: 2 * WINDOW,
      experimentalKvCacheKeyType: "F32",
      experimentalKvCacheValueType: "F32",
      flashAttention: false,
    });
    const sequence = context.getSequence();
    const ids = [...model.tokenize(readFileSync(textFile, "utf8"), false)];
    const nll: number[] = [];
    for (let window = 0; window < WINDOWS; window++) {
      const tokens = ids.slice(window * WINDOW, (window + 1) * WINDOW);
      if (tokens.length < WINDOW) throw new Error(`text.txt has ${ids.length} tokens; ${WINDOWS * WINDOW} are needed`);
      await sequence.clearHistory();
      let sum = 0;
      for (let at = 0; at < WINDOW; at += ROWS) {
        const steps = await sequence.controlledEvaluate(
          tokens.slice(at, at + ROWS).map((token) => [token, { generateNext: { probabilities: true } }]),
        );
        for (let row = at; row < at + ROWS; row++) {
          if (row < WINDOW / 2 || row > WINDOW - 2) continue;
          const p = steps[row - at]?.next.probabilities?.get(tokens[row + 1]!);
          if (p === undefined || !(p > 0)) throw new Error(`llama.cpp gave no probability at row ${row} of window ${window}`);
          sum -= Math.log(p);
        }
      }
      nll.push(sum / (WINDOW - 1 - WINDOW / 2));
    }
    return {
      by: `llama.cpp in node-llama-cpp ${version}, on CPU, float32 KV cache, no flash attention`,
      model: name,
      window: WINDOW,
      ids,
      pieces: pieces.map((text) => [...model.tokenize(text, true)]),
      nll,
    };
  } finally {
    await model.dispose();
    await llama.dispose();
  }
}

/** Writes oracle.json, one line for each list. */
export async function renew(file: string, name: string): Promise<Oracle> {
  const oracle = await ask(file, name);
  const lines = Object.entries(oracle).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  writeFileSync(join(folder, "oracle.json"), `{\n${lines.join(",\n")}\n}\n`);
  return oracle;
}
