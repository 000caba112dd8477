/**
 * One golden model through the executor, straight over the native boundary: prefill (all rows in one forward) or decode (a row at a
 * time against the KV cache), with one strategy. Letters: T tokens, V vocabulary, L layers, F neurons.
 */
import { type Arithmetic, callNative, callNativeSync, type DownForm, type NativeModel } from "../../lab/native.js";
import type { ActivationKind, StrategyKind } from "../../lab/vocabulary.js";
import type { GoldenModel } from "../support/golden.js";

export type Way = "prefill" | "decode";
export interface Outcome {
  readonly logits: Float32Array; // (T, V)
  readonly gatePre: Float32Array; // (L, T, F)
}

export async function openModel(path: string, down: DownForm = "by-neuron"): Promise<NativeModel> {
  const { file } = await callNative((addon) => addon.openFile(path));
  try {
    return await callNative((addon) => addon.open(file, { down }));
  } finally {
    callNativeSync((addon) => addon.closeFile(file));
  }
}

/** The numbers of a model that a forward needs. */
export type ModelNumbers = Pick<GoldenModel, "tokens" | "layers" | "neurons" | "vocab" | "t"> & {
  readonly activation: ActivationKind;
};

export async function forward(
  native: NativeModel,
  model: ModelNumbers,
  strategy: StrategyKind,
  way: Way,
  threads = 2,
  before: "ffn.gate_pre" | "ffn.up_pre" = "ffn.gate_pre", // what the activation takes
  arithmetic: Arithmetic = "float",
): Promise<Outcome> {
  const { tokens, layers, neurons, vocab } = model;
  const T = tokens.length;
  const t = Float32Array.from({ length: layers }, (_, l) =>
    Array.isArray(model.t) ? model.t[l] : ((model.t as number | null) ?? 0),
  );
  const program = callNativeSync((addon) =>
    addon.compile(native, {
      settings: [{ activation: model.activation, t, strategy, interventions: [] }],
      captures: [{ point: before, from: 0, to: layers }],
      sequences: 1,
      length: T,
      threads,
      arithmetic,
    }),
  );
  try {
    const logits = new Float32Array(T * vocab);
    const gatePre = new Float32Array(layers * T * neurons);
    const step = way === "prefill" ? T : 1;
    for (let from = 0; from < T; from += step) {
      const captured = new Float32Array(layers * step * neurons);
      const batch = {
        tokens: Int32Array.from(tokens.slice(from, from + step)),
        positions: Int32Array.from({ length: step }, (_, i) => from + i),
        sequences: new Int32Array(step),
        settings: new Int32Array(step),
        logits: new Uint8Array(step).fill(1),
      };
      const sinks = {
        captures: [captured],
        logits: logits.subarray(from * vocab, (from + step) * vocab),
        zerosInMid: new Uint32Array(layers * step),
        zerosInGate: new Uint32Array(layers * step),
        rowsRead: new Uint32Array(layers * step),
      };
      await callNative((addon) => addon.forward(program, batch, sinks));
      for (let l = 0; l < layers; l++) {
        gatePre.set(captured.subarray(l * step * neurons, (l + 1) * step * neurons), (l * T + from) * neurons);
      }
    }
    return { logits, gatePre };
  } finally {
    callNativeSync((addon) => addon.closeProgram(program));
  }
}

/**
 * For each token, whether a gate of it, or of a token that it attends to, is so near t that rounding may decide (FATReLU jumps at
 * t): its logits say nothing. Tokens before the first such one are sound.
 */
export function nearT(model: GoldenModel, gatePre: Float32Array, margin: number): boolean[] {
  const { layers, neurons, tokens } = model;
  const T = tokens.length;
  const near = new Array<boolean>(T).fill(false);
  if (model.activation !== "fatrelu") return near;
  for (let token = 0; token < T; token++) {
    near[token] = token > 0 && near[token - 1]!;
    for (let l = 0; l < layers && !near[token]; l++) {
      const t = Array.isArray(model.t) ? model.t[l] : model.t;
      const row = gatePre.subarray((l * T + token) * neurons, (l * T + token + 1) * neurons);
      near[token] = row.some((value) => Math.abs(value - t) < margin);
    }
  }
  return near;
}
