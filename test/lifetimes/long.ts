/**
 * One long forward pass: thousands of rows in one batch, directly over the native boundary, on a file written here. So what a test does to the
 * file, the thread or the process happens during a pass.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { callNativeSync, type NativeForward, type NativeModel, type NativeProgram } from "../../lab/native.js";
import { type Meta, type TensorSpec, writeGguf } from "../support/gguf.js";

export const shape = { layers: 24, hidden: 64, neurons: 256, heads: 2, vocab: 64, context: 512 } as const;

/** A random llama of some megabytes; another seed gives another of the same size. */
export function writeMediumLlama(folder: string, file = "medium.gguf", seed = 1, magic: "GGUF" | "PWRI" = "GGUF"): string {
  // 1. Tensors.
  const { layers, hidden, neurons, heads, vocab, context } = shape;
  let state = seed;
  const random = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647 - 0.5;
  };
  const matrix = (name: string, columns: number, rows: number): TensorSpec => ({
    name,
    shape: [columns, rows],
    type: "F32",
    data: Float32Array.from({ length: columns * rows }, () => (4 * random()) / Math.sqrt(columns)),
  });
  const norm = (name: string): TensorSpec => ({
    name,
    shape: [hidden],
    type: "F32",
    data: Float32Array.from({ length: hidden }, () => 1 + random() / 10),
  });
  const tensors = [
    matrix("token_embd.weight", hidden, vocab),
    norm("output_norm.weight"),
    matrix("output.weight", hidden, vocab),
  ];
  for (let l = 0; l < layers; l++) {
    const block = `blk.${l}`;
    tensors.push(
      norm(`${block}.attn_norm.weight`),
      matrix(`${block}.attn_q.weight`, hidden, hidden),
      matrix(`${block}.attn_k.weight`, hidden, hidden),
      matrix(`${block}.attn_v.weight`, hidden, hidden),
      matrix(`${block}.attn_output.weight`, hidden, hidden),
      norm(`${block}.ffn_norm.weight`),
      matrix(`${block}.ffn_gate.weight`, hidden, neurons),
      matrix(`${block}.ffn_up.weight`, hidden, neurons),
      magic === "PWRI"
        ? matrix(`${block}.ffn_down_t.weight`, hidden, neurons)
        : matrix(`${block}.ffn_down.weight`, neurons, hidden),
    );
    if (magic === "PWRI") tensors.push(matrix(`${block}.fc1.weight`, hidden, 8), matrix(`${block}.fc2.weight`, 8, neurons));
  }
  // 2. Keys and vocabulary.
  const u32 = (value: number) => ({ type: "u32", value }) as const;
  const pieces = [
    "<unk>",
    "<s>",
    "</s>",
    "\u2581",
    ..."abcdefghijklmnopqrstuvwxyz",
    ...Array.from({ length: 34 }, (_, i) => `x${i}`),
  ];
  const metadata = new Map<string, Meta>([
    ["general.architecture", { type: "string", value: "llama" }],
    ["general.name", { type: "string", value: "medium" }],
    ["llama.context_length", u32(context)],
    ["llama.embedding_length", u32(hidden)],
    ["llama.block_count", u32(layers)],
    ["llama.feed_forward_length", u32(neurons)],
    ["llama.attention.head_count", u32(heads)],
    ["llama.attention.layer_norm_rms_epsilon", { type: "f32", value: 1e-5 }],
    ["tokenizer.ggml.model", { type: "string", value: "llama" }],
    ["tokenizer.ggml.tokens", { type: "strings", value: pieces }],
    ["tokenizer.ggml.scores", { type: "numbers", element: "f32", value: pieces.map((_, i) => -i) }],
    [
      "tokenizer.ggml.token_type",
      { type: "numbers", element: "i32", value: pieces.map((_, i) => (i === 0 ? 2 : i < 3 ? 3 : 1)) },
    ],
  ]);
  const path = join(folder, file);
  writeFileSync(path, writeGguf({ magic, metadata, tensors }));
  return path;
}

export interface LongForward {
  readonly program: NativeProgram;
  readonly done: Promise<NativeForward>;
  /** Resolves when a layer of the pass is done and others are still to come. */
  underWay(): Promise<void>;
}

/** `sequences` times 256 rows in one batch. */
export function longForward(native: NativeModel, sequences: number, threads = 2): LongForward {
  const rows = sequences * 256;
  const program = callNativeSync((addon) =>
    addon.compile(native, {
      settings: [{ activation: "silu", t: new Float32Array(shape.layers), strategy: "dense", interventions: [] }],
      captures: [],
      sequences,
      length: 256,
      threads,
    }),
  );
  const counts = () => new Uint32Array(shape.layers * rows);
  const done = callNativeSync((addon) =>
    addon.forward(
      program,
      {
        tokens: Int32Array.from({ length: rows }, (_, i) => i % shape.vocab),
        positions: Int32Array.from({ length: rows }, (_, i) => Math.floor(i / sequences)),
        sequences: Int32Array.from({ length: rows }, (_, i) => i % sequences),
        settings: new Int32Array(rows),
      },
      { zerosInMid: counts(), zerosInGate: counts(), rowsRead: counts() },
    ),
  );
  let ended = false;
  done.then(
    () => (ended = true),
    () => (ended = true),
  );
  const underWay = async () => {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const progress = callNativeSync((addon) => addon.progress(program));
      if (ended || progress > 0.6) throw new Error(`the pass is over before the test could do anything (progress ${progress})`);
      if (progress > 0) return;
    }
  };
  return { program, done, underWay };
}
