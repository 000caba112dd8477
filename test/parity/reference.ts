/**
 * A model's forward pass in float64, written from its definition and sharing nothing with the executor: the weights are decoded from the
 * file's bytes, every sum is plain. Slow on purpose. Letters: T tokens, D hidden, F neurons, H heads, G kv heads, K head size, V vocabulary.
 */
import type { ActivationKind } from "../../lab/vocabulary.js";
import { blockReader } from "../support/blocks.js";
import { fromHalf } from "../support/quant.js";

/** Rows of weights as float64. */
export interface Weights {
  readonly rows: number;
  readonly cols: number;
  readonly data: Float64Array; // (rows, cols)
}

export interface ReferenceModel {
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly epsilon: number;
  readonly ropeBase: number;
  /** Channels (i, i + dims/2) rotate together; else neighbours. */
  readonly halves: boolean;
  /** Channels of a head that rotate. */
  readonly ropeDims: number;
  readonly scaling: "none" | "linear" | "yarn";
  readonly factor: number;
  readonly originalContext: number;
  /** LayerNorm; else RMS. */
  readonly layerNorm: boolean;
  readonly reluUp: boolean;
  readonly scales: { readonly embedding: number; readonly residual: number; readonly logits: number };
  /** Positions that a layer sees, its own among them; 0: all. */
  readonly windowOf: (layer: number) => number;
  /** Base of the layers with a window; theirs is not scaled. */
  readonly localBase: number;
  readonly has: (name: string) => boolean;
  readonly activation: ActivationKind;
  /** FATReLU's threshold of each layer. */
  readonly t: readonly number[];
  /** A tensor by its name in the file. Down is by neuron: (F, D). */
  readonly tensor: (name: string) => Weights;
}

/** What the bytes of a tensor say, by the types' numbers in the file: F32 0, F16 1, BF16 30, and those of blocks. */
export function decodeTensor(bytes: Uint8Array, type: number, count: number): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Float64Array(count);
  const value: Readonly<Record<number, (i: number) => number>> = {
    0: (i) => view.getFloat32(4 * i, true),
    1: (i) => fromHalf(view.getUint16(2 * i, true)),
    30: (i) => {
      const wide = new DataView(new ArrayBuffer(4));
      wide.setUint32(0, view.getUint16(2 * i, true) << 16);
      return wide.getFloat32(0);
    },
  };
  const read = value[type] ?? blockReader(view, type);
  if (!read) throw new Error(`no reference for tensors of type ${type}`);
  for (let i = 0; i < count; i++) out[i] = read(i);
  return out;
}

/** w · x for each row of w. */
function product(w: Weights, x: Float64Array): Float64Array {
  const out = new Float64Array(w.rows);
  for (let r = 0; r < w.rows; r++) {
    let sum = 0;
    for (let c = 0; c < w.cols; c++) sum += w.data[r * w.cols + c]! * x[c]!;
    out[r] = sum;
  }
  return out;
}

function normalised(x: Float64Array, weight: Weights, epsilon: number): Float64Array {
  const squares = x.reduce((sum, value) => sum + value * value, 0);
  const scale = 1 / Math.sqrt(squares / x.length + epsilon);
  return x.map((value, d) => value * scale * weight.data[d]!);
}

/** x less its mean, then the RMS norm, then the bias. */
function layerNormalised(x: Float64Array, weight: Weights, bias: Float64Array | undefined, epsilon: number): Float64Array {
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  const out = normalised(
    x.map((value) => value - mean),
    weight,
    epsilon,
  );
  return out.map((value, d) => value + (bias?.[d] ?? 0));
}
const sum = (x: Float64Array, y: Float64Array | undefined): Float64Array => x.map((value, i) => value + (y?.[i] ?? 0));

/** How far pair i turns from one position to the next, and the factor of the turned channels. */
export function turns(model: ReferenceModel, layer: number): { readonly rates: number[]; readonly size: number } {
  const { ropeDims: n, factor } = model;
  const local = model.windowOf(layer) > 0;
  const base = local ? model.localBase : model.ropeBase;
  const scaling = local ? "none" : model.scaling;
  const freqs = model.has("rope_freqs.weight") ? model.tensor("rope_freqs.weight").data : undefined;
  // yarn: the pair that turns so often over the original context.
  const pair = (times: number) => (n * Math.log(model.originalContext / (times * 2 * Math.PI))) / (2 * Math.log(base));
  const low = Math.max(0, Math.floor(pair(32)));
  const high = Math.min(n - 1, Math.ceil(pair(1)));
  const rates = Array.from({ length: n / 2 }, (_, i) => {
    const rate = base ** ((-2 * i) / n) / (freqs?.[i] ?? 1);
    if (scaling === "none") return rate;
    if (scaling === "linear") return rate / factor;
    const share = Math.min(1, Math.max(0, (i - low) / Math.max(0.001, high - low)));
    return (rate / factor) * share + rate * (1 - share);
  });
  return { rates, size: scaling === "yarn" ? 1 + 0.1 * Math.log(factor) : 1 };
}

/** Each head's pairs of channels as points, turned. */
function rotated(model: ReferenceModel, layer: number, x: Float64Array, position: number): Float64Array {
  const out = x.slice();
  const { rates, size } = turns(model, layer);
  for (let head = 0; head < x.length; head += model.headSize)
    for (const [i, rate] of rates.entries()) {
      const first = head + (model.halves ? i : 2 * i);
      const second = model.halves ? first + rates.length : first + 1;
      const [a, b] = [x[first]! * size, x[second]! * size];
      out[first] = a * Math.cos(position * rate) - b * Math.sin(position * rate);
      out[second] = a * Math.sin(position * rate) + b * Math.cos(position * rate);
    }
  return out;
}

/** s of a gate g; FATReLU keeps g where g >= t. */
function activated(kind: ActivationKind, g: number, t: number): number {
  if (kind === "silu") return g / (1 + Math.exp(-g));
  if (kind === "relu") return Math.max(g, 0);
  if (kind === "relu2") return g > 0 ? g * g : 0;
  if (kind === "fatrelu") return g > 0 && g >= t ? g : 0;
  if (kind === "gelu_tanh") return 0.5 * g * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (g + 0.044715 * g ** 3)));
  throw new Error(`no reference for the activation ${kind}`);
}

export interface Reference {
  readonly logits: Float32Array; // (T, V)
  /** The smallest |g - t| of each token: FATReLU and ReLU jump or bend there. */
  readonly margin: number[]; // (T)
  /** With a cutoff: the smallest |score - cutoff| of each token, in parts of the largest score above 1, where a neuron begins to count. */
  readonly scoreMargin: number[]; // (T)
}

/** @param cutoff of strategy `predicted`: neurons with a lower score of their layer's predictor are left out */
export function reference(model: ReferenceModel, tokens: readonly number[], cutoff?: number): Reference {
  const { heads: H, kvHeads: G, headSize: K, epsilon } = model;
  const norm = (x: Float64Array, name: string) =>
    model.layerNorm
      ? layerNormalised(x, model.tensor(`${name}.weight`), vectorOf(`${name}.bias`), epsilon)
      : normalised(x, model.tensor(`${name}.weight`), epsilon);
  const vectorOf = (name: string) => (model.has(name) ? model.tensor(name).data : undefined);
  const linear = (name: string, x: Float64Array) => sum(product(model.tensor(`${name}.weight`), x), vectorOf(`${name}.bias`));
  /** Each head's RMS norm, where the model has it. */
  const headNorm = (x: Float64Array, name: string) => {
    if (!model.has(`${name}.weight`)) return x;
    const out = x.slice();
    for (let at = 0; at < x.length; at += K)
      out.set(normalised(x.slice(at, at + K), model.tensor(`${name}.weight`), epsilon), at);
    return out;
  };
  const embed = model.tensor("token_embd.weight");
  const D = embed.cols;
  const keys: Float64Array[][] = Array.from({ length: model.layers }, () => []);
  const values: Float64Array[][] = Array.from({ length: model.layers }, () => []);
  const rows: Float64Array[] = [];
  const margin: number[] = [];
  const scoreMargin: number[] = [];
  tokens.forEach((token, position) => {
    let x = embed.data.slice(token * D, (token + 1) * D).map((value) => value * model.scales.embedding);
    let nearest = Number.POSITIVE_INFINITY;
    let nearestScore = Number.POSITIVE_INFINITY;
    for (let l = 0; l < model.layers; l++) {
      const b = (name: string) => `blk.${l}.${name}`;
      const h = norm(x, b("attn_norm"));
      const q = rotated(model, l, headNorm(linear(b("attn_q"), h), b("attn_q_norm")), position);
      keys[l]!.push(rotated(model, l, headNorm(linear(b("attn_k"), h), b("attn_k_norm")), position));
      values[l]!.push(linear(b("attn_v"), h));
      const window = model.windowOf(l) || Number.POSITIVE_INFINITY;
      const z = new Float64Array(H * K);
      for (let head = 0; head < H; head++) {
        const kv = Math.floor(head / (H / G)) * K;
        const scores = keys[l]!.map((key, j) => {
          if (position - j >= window) return Number.NEGATIVE_INFINITY;
          let sum = 0;
          for (let c = 0; c < K; c++) sum += q[head * K + c]! * key[kv + c]!;
          return sum / Math.sqrt(K);
        });
        const most = Math.max(...scores);
        const shares = scores.map((score) => Math.exp(score - most));
        const total = shares.reduce((a, b) => a + b);
        shares.forEach((share, j) => {
          for (let c = 0; c < K; c++) z[head * K + c]! += (share / total) * values[l]![j]![kv + c]!;
        });
      }
      let attended = linear(b("attn_output"), z);
      if (model.has(`${b("post_attention_norm")}.weight`)) attended = norm(attended, b("post_attention_norm"));
      x = x.map((value, d) => value + model.scales.residual * attended[d]!);

      // The predictor reads the stream before the norm.
      const scores =
        cutoff !== undefined && model.has(`${b("fc1")}.weight`)
          ? product(
              model.tensor(`${b("fc2")}.weight`),
              product(model.tensor(`${b("fc1")}.weight`), x).map((v) => Math.max(v, 0)),
            )
          : undefined;
      const size = scores ? Math.max(1, ...scores.map(Math.abs)) : 1;
      const n = norm(x, b("ffn_norm"));
      const gated = model.has(`${b("ffn_gate")}.weight`);
      const up = linear(b("ffn_up"), n);
      const gate = gated ? linear(b("ffn_gate"), n) : up;
      const down = model.tensor(`${b("ffn_down")}.weight`);
      let out = new Float64Array(D);
      for (let i = 0; i < gate.length; i++) {
        nearest = Math.min(nearest, Math.abs(gate[i]! - model.t[l]!));
        if (scores) nearestScore = Math.min(nearestScore, Math.abs(scores[i]! - cutoff!) / size);
        if (scores && scores[i]! < cutoff!) continue;
        const factor = model.reluUp ? Math.max(up[i]!, 0) : up[i]!;
        const mid = activated(model.activation, gate[i]!, model.t[l]!) * (gated ? factor : 1);
        for (let d = 0; d < D; d++) out[d]! += mid * down.data[i * D + d]!;
      }
      out = sum(out, vectorOf(`${b("ffn_down")}.bias`)) as typeof out;
      if (model.has(`${b("post_ffw_norm")}.weight`)) out = norm(out, b("post_ffw_norm")) as typeof out;
      x = x.map((value, d) => value + model.scales.residual * out[d]!);
    }
    rows.push(product(model.tensor("output.weight"), norm(x, "output_norm")).map((value) => value * model.scales.logits));
    margin.push(nearest);
    scoreMargin.push(nearestScore);
  });
  const V = rows[0]!.length;
  const logits = new Float32Array(rows.length * V);
  for (const [i, row] of rows.entries()) logits.set(row, i * V);
  return { logits, margin, scoreMargin };
}
