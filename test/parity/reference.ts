/**
 * A llama's forward pass in float64, written from its definition and sharing nothing with the executor: the weights are decoded from the
 * file's bytes, every sum is plain. Slow on purpose. Letters: T tokens, D hidden, F neurons, H heads, G kv heads, K head size, V vocabulary.
 */
import type { ActivationKind } from "../../lab/vocabulary.js";
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
  readonly activation: ActivationKind;
  /** FATReLU's threshold of each layer. */
  readonly t: readonly number[];
  /** A tensor by its name in the file. Down is by neuron: (F, D). */
  readonly tensor: (name: string) => Weights;
}

/** What the bytes of a tensor say, by the types' numbers in the file: F32 0, F16 1, Q8_0 8, BF16 30. */
export function decodeTensor(bytes: Uint8Array, type: number, count: number): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Float64Array(count);
  const value: Readonly<Record<number, (i: number) => number>> = {
    0: (i) => view.getFloat32(4 * i, true),
    1: (i) => fromHalf(view.getUint16(2 * i, true)),
    8: (i) => fromHalf(view.getUint16(Math.floor(i / 32) * 34, true)) * view.getInt8(Math.floor(i / 32) * 34 + 2 + (i % 32)),
    30: (i) => {
      const wide = new DataView(new ArrayBuffer(4));
      wide.setUint32(0, view.getUint16(2 * i, true) << 16);
      return wide.getFloat32(0);
    },
  };
  const read = value[type];
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

/** Each head's neighbouring channels (2i, 2i + 1) as a point, turned by position · base^(-2i / K). */
function rotated(x: Float64Array, position: number, K: number, base: number): Float64Array {
  const out = x.slice();
  for (let first = 0; first < x.length; first += 2) {
    const angle = position * base ** (-(first % K) / K);
    const [a, b] = [x[first]!, x[first + 1]!];
    out[first] = a * Math.cos(angle) - b * Math.sin(angle);
    out[first + 1] = a * Math.sin(angle) + b * Math.cos(angle);
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
}

export function reference(model: ReferenceModel, tokens: readonly number[]): Reference {
  const { heads: H, kvHeads: G, headSize: K, epsilon } = model;
  const embed = model.tensor("token_embd.weight");
  const D = embed.cols;
  const keys: Float64Array[][] = Array.from({ length: model.layers }, () => []);
  const values: Float64Array[][] = Array.from({ length: model.layers }, () => []);
  const rows: Float64Array[] = [];
  const margin: number[] = [];
  tokens.forEach((token, position) => {
    let x = embed.data.slice(token * D, (token + 1) * D);
    let nearest = Number.POSITIVE_INFINITY;
    for (let l = 0; l < model.layers; l++) {
      const w = (name: string) => model.tensor(`blk.${l}.${name}.weight`);
      const h = normalised(x, w("attn_norm"), epsilon);
      const q = rotated(product(w("attn_q"), h), position, K, model.ropeBase);
      keys[l]!.push(rotated(product(w("attn_k"), h), position, K, model.ropeBase));
      values[l]!.push(product(w("attn_v"), h));
      const z = new Float64Array(H * K);
      for (let head = 0; head < H; head++) {
        const kv = Math.floor(head / (H / G)) * K;
        const scores = keys[l]!.map((key) => {
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
      const attended = product(w("attn_output"), z);
      x = x.map((value, d) => value + attended[d]!);

      const n = normalised(x, w("ffn_norm"), epsilon);
      const gate = product(w("ffn_gate"), n);
      const up = product(w("ffn_up"), n);
      const down = w("ffn_down");
      const out = new Float64Array(D);
      for (let i = 0; i < gate.length; i++) {
        nearest = Math.min(nearest, Math.abs(gate[i]! - model.t[l]!));
        const mid = activated(model.activation, gate[i]!, model.t[l]!) * up[i]!;
        for (let d = 0; d < D; d++) out[d]! += mid * down.data[i * D + d]!;
      }
      x = x.map((value, d) => value + out[d]!);
    }
    rows.push(product(model.tensor("output.weight"), normalised(x, model.tensor("output_norm.weight"), epsilon)));
    margin.push(nearest);
  });
  const V = rows[0]!.length;
  const logits = new Float32Array(rows.length * V);
  for (const [i, row] of rows.entries()) logits.set(row, i * V);
  return { logits, margin };
}
