/**
 * The architectures of random models: what each one computes beyond a plain llama, as its papers and original code define it. Nothing here is
 * read from the executor's own descriptions.
 */
import type { ActivationKind } from "../../lab/vocabulary.js";

export interface Features {
  readonly gate: boolean;
  /** ReLU on up, too (dReLU). */
  readonly reluUp: boolean;
  readonly norm: "rms" | "layer";
  readonly epsilonKey: "layer_norm_rms_epsilon" | "layer_norm_epsilon";
  readonly rope: "pairs" | "halves";
  /** The share of a head's channels that rotates. */
  readonly rotary: number;
  readonly qkvBiases: boolean;
  readonly ffnBiases: boolean;
  readonly qkNorm: boolean;
  readonly postNorm: boolean;
  /** Embedding, residual stream and logits are scaled. */
  readonly scaled: "no" | "minicpm" | "root";
  readonly windows: boolean;
  /** Whether the output matrix may be the embedding. */
  readonly tied: boolean;
  readonly ropeFreqs: boolean;
  /** The activation of a file without a key for it. */
  readonly activation: ActivationKind;
}

const LLAMA: Features = {
  gate: true,
  reluUp: false,
  norm: "rms",
  epsilonKey: "layer_norm_rms_epsilon",
  rope: "pairs",
  rotary: 1,
  qkvBiases: false,
  ffnBiases: false,
  qkNorm: false,
  postNorm: false,
  scaled: "no",
  windows: false,
  tied: true,
  ropeFreqs: true,
  activation: "silu",
};

export const ARCHITECTURES = {
  llama: LLAMA,
  minicpm: { ...LLAMA, scaled: "minicpm" },
  bamboo: { ...LLAMA, reluUp: true, activation: "relu", ropeFreqs: false },
  arcee: { ...LLAMA, gate: false, activation: "relu2" },
  nemotron: {
    ...LLAMA,
    gate: false,
    activation: "relu2",
    norm: "layer",
    epsilonKey: "layer_norm_epsilon",
    rope: "halves",
    rotary: 0.5,
    qkvBiases: true,
    ffnBiases: true,
    tied: false,
    ropeFreqs: false,
  },
  qwen2: { ...LLAMA, rope: "halves", qkvBiases: true, ropeFreqs: false },
  qwen3: { ...LLAMA, rope: "halves", qkNorm: true, ropeFreqs: false },
  gemma3: {
    ...LLAMA,
    rope: "halves",
    qkNorm: true,
    postNorm: true,
    scaled: "root",
    windows: true,
    activation: "gelu_tanh",
    ropeFreqs: false,
  },
} as const satisfies Readonly<Record<string, Features>>;
export type ArchitectureName = keyof typeof ARCHITECTURES;
export const featuresOf = (name: ArchitectureName): Features => ARCHITECTURES[name];
