/**
 * Random models that nobody has seen before, as files: any architecture, any shape (GQA or not, tied or not, wide and narrow heads, odd numbers of neurons, one
 * layer or many), any weight type or all of them mixed, GGUF or PowerInfer's magic. A seed gives the same file again.
 */
import type { ActivationKind } from "../../lab/vocabulary.js";
import { BLOCKS, type BlockName, randomBlocks } from "../support/blocks.js";
import { type Meta, type TensorSpec, writeGguf } from "../support/gguf.js";
import { encodeF16, encodeF32 } from "../support/quant.js";
import { generator, normal } from "../support/random.js";
import { ARCHITECTURES, type ArchitectureName, featuresOf } from "./architectures.js";
import { decodeTensor, type ReferenceModel, type Weights } from "./reference.js";

type PlainName = "F32" | "F16" | "BF16";
export type WeightName = PlainName | BlockName;
const PLAIN: Readonly<Record<PlainName, number>> = { F32: 0, F16: 1, BF16: 30 };
const isBlock = (name: WeightName): name is BlockName => name in BLOCKS;
const numberOf = (name: WeightName) => (isBlock(name) ? BLOCKS[name].number : PLAIN[name]);
export const WEIGHT_NAMES: readonly WeightName[] = ["F32", "F16", "BF16", ...(Object.keys(BLOCKS) as BlockName[])];
/** What a writer uses where a row is no whole number of the type's blocks. */
function fitting(name: WeightName, columns: number): WeightName {
  if (!isBlock(name) || columns % BLOCKS[name].values === 0) return name;
  return columns % 32 === 0 ? "Q5_0" : "F16";
}
/** Of yarn: the context that the model was first trained on. */
const ORIGINAL_CONTEXT = 16;

/** A vocabulary of this size has a token for each byte, without which llama.cpp ends the process. */
export const WITH_BYTES = 300;
const byteOf = (i: number, vocab: number) => (vocab === WITH_BYTES && i >= 3 && i < 259 ? i - 3 : undefined);
const piece = (i: number, vocab: number) => {
  if (i === 0) return "<unk>";
  const byte = byteOf(i, vocab);
  return byte === undefined ? `\u2581t${i}` : `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
};
/** GGUF's numbers: 1 normal, 2 unknown, 6 a byte. */
const kind = (i: number, vocab: number) => {
  if (i === 0) return 2;
  return byteOf(i, vocab) === undefined ? 1 : 6;
};

export interface Shape {
  readonly seed: number;
  readonly magic: "GGUF" | "PWRI";
  readonly architecture: ArchitectureName;
  /** minicpm: whether its scales are keys of the file; else they follow from the shape. */
  readonly scaleKeys: boolean;
  readonly scaling: "none" | "linear" | "yarn";
  /** A tensor of factors of the rotary frequencies. */
  readonly freqs: boolean;
  /** gemma3: positions that its local layers see. */
  readonly window: number;
  readonly activation: Extract<ActivationKind, "silu" | "relu" | "relu2" | "fatrelu" | "gelu_tanh">;
  /** FATReLU's threshold of each layer; zeros for the others. */
  readonly t: readonly number[];
  readonly types: readonly WeightName[];
  readonly layers: number;
  readonly hidden: number;
  readonly neurons: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly vocab: number;
  readonly tied: boolean;
  readonly ropeBase: number;
  readonly epsilon: number;
  readonly tokens: readonly number[];
}

/** The shape in words, for a table or an error. */
export const describeShape = (s: Shape): string =>
  [
    s.magic,
    s.architecture,
    s.scaleKeys ? "scales" : "",
    s.scaling === "none" ? "" : s.scaling,
    s.freqs ? "freqs" : "",
    s.window ? `W${s.window}` : "",
    s.activation,
    s.types.join("+"),
    `L${s.layers} D${s.hidden} F${s.neurons} H${s.heads}/${s.kvHeads} K${s.headSize} V${s.vocab}`,
    s.tied ? "tied" : "",
    `T${s.tokens.length}`,
  ]
    .filter(Boolean)
    .join(" ");

export function randomShape(seed: number, asked?: ArchitectureName, askedType?: WeightName): Shape {
  const random = generator(seed);
  const below = (n: number) => Math.floor(random() * n);
  const oneOf = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const drawnTypes = oneOf<readonly WeightName[]>([...WEIGHT_NAMES.map((name) => [name]), WEIGHT_NAMES, WEIGHT_NAMES]);
  const types = askedType ? [askedType] : drawnTypes;
  // Most rows are whole blocks.
  const block = Math.max(...types.map((name) => (isBlock(name) ? BLOCKS[name].values : 1)));
  const blocks = block > 1;
  const kvHeads = oneOf([1, 2, 3]);
  const heads = kvHeads * oneOf([1, 2, 3, 8]);
  const drawn = oneOf([32, 64, 80, 96, 128]);
  const headSize = blocks && (heads * drawn) % 32 ? 96 : drawn;
  const drawnArchitecture = oneOf(Object.keys(ARCHITECTURES) as ArchitectureName[]);
  const architecture = asked ?? drawnArchitecture;
  const features = featuresOf(architecture);
  // PowerInfer wrote these two.
  const magic = architecture === "llama" || architecture === "bamboo" ? oneOf(["GGUF", "GGUF", "PWRI"] as const) : "GGUF";
  const own = features.activation as Shape["activation"];
  const activation = magic === "PWRI" ? "relu" : oneOf([own, own, "relu", "relu2", "fatrelu"] as const);
  const layers = oneOf(features.windows ? [1, 7, 13] : [1, 2, 5, 33]);
  const narrow = layers > 5; // keep the reference, which is plain JavaScript, within a second
  const vocab = oneOf([9, 33, 100, WITH_BYTES]);
  const oddNeurons = oneOf(narrow ? [1, 15, 17, 33] : [1, 15, 17, 33, 101, 255]);
  return {
    seed,
    architecture,
    scaleKeys: features.scaled === "minicpm" && random() < 0.6,
    scaling: magic === "PWRI" ? "none" : oneOf(["none", "none", "linear", "yarn"] as const),
    freqs: magic === "GGUF" && features.ropeFreqs && random() < 0.3,
    window: features.windows ? oneOf([1, 2, 3, 8, 40]) : 0,
    magic,
    activation,
    t: Array.from({ length: layers }, () => (activation === "fatrelu" ? Math.fround(random() * 0.3) : 0)),
    types,
    layers,
    hidden: oneOf(block === 256 ? [256] : blocks ? (narrow ? [32, 64] : [32, 96, 288]) : narrow ? [34, 48] : [34, 100, 300]),
    neurons: block === 256 && random() < 0.7 ? 256 : blocks ? 32 * Math.ceil(oddNeurons / 32) : oddNeurons,
    heads: narrow ? kvHeads : heads,
    kvHeads,
    headSize: narrow ? 32 : headSize,
    vocab,
    tied: random() < 0.4 && features.tied,
    ropeBase: oneOf([10000, 500000, 1e6]),
    epsilon: oneOf([1e-5, 1e-6, 1e-3]),
    tokens: Array.from({ length: oneOf([1, 2, 5, 16, 21]) }, () => below(vocab)),
  };
}

function encode(type: PlainName, values: Float32Array): Uint8Array {
  if (type === "F32") return encodeF32(values);
  if (type === "F16") return encodeF16(values);
  // BF16: the upper half of a float32, rounded to nearest even.
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return new Uint8Array(Uint16Array.from(bits, (b) => (b + 0x7fff + ((b >>> 16) & 1)) >>> 16).buffer);
}

export interface RandomLlama {
  readonly shape: Shape;
  readonly bytes: Uint8Array;
  /** The same values in float32, for engines that round their inputs to the weights' type. */
  readonly float32: Uint8Array;
  readonly model: ReferenceModel;
}

export function randomLlama(shape: Shape): RandomLlama {
  const { layers: L, hidden: D, neurons: F, heads: H, kvHeads: G, headSize: K, vocab: V, magic } = shape;
  const arch = shape.architecture;
  const features = featuresOf(arch);
  const ropeDims = K * features.rotary;
  const random = generator(shape.seed ^ 0x5eed);
  const tensors: TensorSpec[] = [];
  const decoded = new Map<string, Weights>();
  const add = (name: string, rows: number, cols: number, scale: number, type?: WeightName) => {
    const chosen = fitting(type ?? shape.types[Math.floor(random() * shape.types.length)]!, cols);
    const size = scale / Math.sqrt(cols);
    const raw = isBlock(chosen)
      ? randomBlocks(chosen, rows * cols, size, random)
      : encode(
          chosen,
          Float32Array.from({ length: rows * cols }, () => normal(random) * size),
        );
    tensors.push({ name, shape: [cols, rows], type: numberOf(chosen), raw });
    decoded.set(name, { rows, cols, data: decodeTensor(raw, numberOf(chosen), rows * cols) });
  };
  const vector = (name: string, n: number, value: () => number) => {
    const raw = encodeF32(Float32Array.from({ length: n }, value));
    tensors.push({ name, shape: [n], type: PLAIN.F32, raw });
    decoded.set(name, { rows: 1, cols: n, data: decodeTensor(raw, PLAIN.F32, n) });
  };
  const norm = (name: string, n = D) => vector(`${name}.weight`, n, () => 0.6 + 0.8 * random());
  const bias = (name: string, n: number) => vector(`${name}.bias`, n, () => normal(random) / 2);
  const layerNorm = (name: string) => {
    norm(name);
    if (features.norm === "layer") bias(name, D);
  };
  add("token_embd.weight", V, D, 4);
  layerNorm("output_norm");
  if (shape.freqs) vector("rope_freqs.weight", ropeDims / 2, () => 1 + 7 * random());
  if (!shape.tied) add("output.weight", V, D, 3);
  for (let l = 0; l < L; l++) {
    const block = `blk.${l}.`;
    layerNorm(`${block}attn_norm`);
    layerNorm(`${block}ffn_norm`);
    if (features.qkvBiases) {
      bias(`${block}attn_q`, H * K);
      bias(`${block}attn_k`, G * K);
      bias(`${block}attn_v`, G * K);
    }
    if (features.ffnBiases) {
      bias(`${block}attn_output`, D);
      bias(`${block}ffn_up`, F);
      bias(`${block}ffn_down`, D);
    }
    if (features.qkNorm) {
      norm(`${block}attn_q_norm`, K);
      norm(`${block}attn_k_norm`, K);
    }
    if (features.postNorm) {
      norm(`${block}post_attention_norm`);
      norm(`${block}post_ffw_norm`);
    }
    add(`${block}attn_q.weight`, H * K, D, 1.5);
    add(`${block}attn_k.weight`, G * K, D, 1.5);
    add(`${block}attn_v.weight`, G * K, D, 1);
    add(`${block}attn_output.weight`, D, H * K, 1);
    if (features.gate) add(`${block}ffn_gate.weight`, F, D, 1);
    add(`${block}ffn_up.weight`, F, D, 1);
    if (magic === "PWRI") {
      add(`${block}ffn_down_t.weight`, F, D, 1.5);
      add(`${block}fc1.weight`, 32, D, 1);
      add(`${block}fc2.weight`, F, 32, 1);
    } else add(`${block}ffn_down.weight`, D, F, 1.5);
  }

  const u32 = (value: number): Meta => ({ type: "u32", value });
  const metadata = new Map<string, Meta>([
    ["general.architecture", { type: "string", value: arch }],
    ["general.name", { type: "string", value: `random ${shape.seed}` }],
    ["llama.context_length", u32(64)],
    ["llama.embedding_length", u32(D)],
    ["llama.block_count", u32(L)],
    ["llama.feed_forward_length", u32(F)],
    ["llama.attention.head_count", u32(H)],
    ["llama.attention.head_count_kv", u32(G)],
    ["llama.attention.key_length", u32(K)],
    ["llama.attention.value_length", u32(K)],
    ["llama.rope.dimension_count", u32(ropeDims)],
    ["llama.rope.freq_base", { type: "f32", value: shape.ropeBase }],
    [`llama.attention.${features.epsilonKey}`, { type: "f32", value: shape.epsilon }],
    ["llama.vocab_size", u32(V)],
    ["tokenizer.ggml.model", { type: "string", value: "llama" }],
    ["tokenizer.ggml.tokens", { type: "strings", value: Array.from({ length: V }, (_, i) => piece(i, V)) }],
    ["tokenizer.ggml.scores", { type: "numbers", element: "f32", value: Array.from({ length: V }, (_, i) => -i) }],
    ["tokenizer.ggml.token_type", { type: "numbers", element: "i32", value: Array.from({ length: V }, (_, i) => kind(i, V)) }],
  ]);
  if (shape.activation !== features.activation)
    metadata.set(`${arch}.hidden_activation`, { type: "string", value: shape.activation });
  if (shape.activation === "fatrelu")
    metadata.set("sparselab.threshold", { type: "numbers", element: "f32", value: [...shape.t] });

  // Each architecture has the keys under its own name.
  for (const [key, value] of [...metadata])
    if (key.startsWith("llama.") && arch !== "llama") {
      metadata.delete(key);
      metadata.set(key.replace("llama", arch), value);
    }
  const f32 = (key: string, value: number) => metadata.set(`${arch}.${key}`, { type: "f32", value });
  // minicpm's rule: 12, 1.4 / √L, and logits divided by D / 256. gemma3's: √D.
  const scales = {
    embedding: features.scaled === "root" ? Math.sqrt(D) : features.scaled === "minicpm" ? 12 : 1,
    residual: features.scaled === "minicpm" ? 1.4 / Math.sqrt(L) : 1,
    logits: features.scaled === "minicpm" ? 256 / D : 1,
  };
  if (shape.scaleKeys) {
    f32("embedding_scale", 5.5);
    f32("residual_scale", 0.375);
    f32("logit_scale", 2.5); // divides
    Object.assign(scales, { embedding: 5.5, residual: 0.375, logits: 1 / 2.5 });
  }
  const factor = shape.scaling === "none" ? 1 : 4;
  if (shape.scaling !== "none") {
    metadata.set(`${arch}.rope.scaling.type`, { type: "string", value: shape.scaling });
    f32("rope.scaling.factor", factor);
    metadata.set(`${arch}.rope.scaling.original_context_length`, u32(ORIGINAL_CONTEXT));
  }
  if (features.windows) metadata.set(`${arch}.attention.sliding_window`, u32(shape.window));

  const down = (name: string): Weights => {
    const stored = decoded.get(name);
    if (stored) return stored;
    const { rows, cols, data } = decoded.get(name.replace("ffn_down_t", "ffn_down"))!;
    const turned = new Float64Array(rows * cols);
    for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) turned[c * rows + r] = data[r * cols + c]!;
    return { rows: cols, cols: rows, data: turned };
  };
  const ready = new Map<string, Weights>();
  const tensor = (name: string): Weights => {
    let found = ready.get(name);
    if (!found) {
      if (name.endsWith("ffn_down.weight")) found = down(name.replace("ffn_down", "ffn_down_t"));
      else found = decoded.get(name) ?? decoded.get("token_embd.weight")!; // a tied output
      ready.set(name, found);
    }
    return found;
  };
  return {
    shape,
    bytes: writeGguf({ magic, metadata, tensors }),
    float32: writeGguf({
      metadata,
      tensors: tensors.map(({ name, shape: dims }) => ({ name, shape: dims, type: "F32", data: decoded.get(name)!.data })),
    }),
    model: {
      layers: L,
      heads: H,
      kvHeads: G,
      headSize: K,
      epsilon: Math.fround(shape.epsilon),
      ropeBase: shape.ropeBase,
      halves: features.rope === "halves",
      ropeDims,
      scaling: shape.scaling,
      factor,
      originalContext: ORIGINAL_CONTEXT,
      layerNorm: features.norm === "layer",
      reluUp: features.reluUp,
      scales,
      // Of six layers the last sees everything; the others have a base of their own, unscaled.
      windowOf: (l) => (features.windows && l % 6 !== 5 ? shape.window : 0),
      localBase: 10000,
      has: (name) => decoded.has(name),
      activation: shape.activation,
      t: shape.t,
      tensor,
    },
  };
}
