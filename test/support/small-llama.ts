/**
 * Small random llamas as files, for tests that need another kind of model than the bundled one: a PowerInfer file, SiLU, no keys, another name, no
 * vocabulary. Weights are F32 from a seed; the shape is 2 layers, hidden 32, 48 neurons, 4 heads (2 for keys and values).
 */
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Meta, type TensorSpec, writeGguf } from "./gguf.js";

export const small = { layers: 2, hidden: 32, neurons: 48, heads: 4, kvHeads: 2, vocab: 40, context: 64 } as const;

export interface SmallLlama {
  readonly file?: string;
  readonly magic?: "GGUF" | "PWRI";
  readonly name?: string;
  readonly seed?: number;
  /** Keys to add or replace; null removes one. */
  readonly keys?: Readonly<Record<string, Meta | null>>;
  readonly vocabulary?: boolean;
  /** Changes the tensors before they are written. */
  readonly change?: (tensors: TensorSpec[]) => TensorSpec[];
}

/** A folder of its own for the files of one test; `remove` when done. */
export async function folder(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "sparselab-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Writes the file into `into`; returns its path. */
export function writeSmallLlama(into: string, options: SmallLlama = {}): string {
  const {
    file = "small.gguf",
    magic = "GGUF",
    name = "small",
    seed = 1,
    keys = {},
    vocabulary = true,
    change = (t) => t,
  } = options;
  const { layers, hidden, neurons, heads, kvHeads, vocab, context } = small;
  // 1. Keys and vocabulary.
  const u32 = (value: number): Meta => ({ type: "u32", value });
  const metadata = new Map<string, Meta>([
    ["general.architecture", { type: "string", value: "llama" }],
    ["general.name", { type: "string", value: name }],
    ["llama.context_length", u32(context)],
    ["llama.embedding_length", u32(hidden)],
    ["llama.block_count", u32(layers)],
    ["llama.feed_forward_length", u32(neurons)],
    ["llama.attention.head_count", u32(heads)],
    ["llama.attention.head_count_kv", u32(kvHeads)],
    ["llama.attention.layer_norm_rms_epsilon", { type: "f32", value: 1e-5 }],
  ]);
  if (vocabulary) {
    const pieces = [
      "<unk>",
      "<s>",
      "</s>",
      "\u2581",
      ..."abcdefghijklmnopqrstuvwxyz.,!?",
      "\u2581a",
      "\u2581b",
      "\u2581c",
      "\u2581d",
      "\u2581e",
      "\u2581f",
    ];
    const types = [2, 3, 3, ...new Array<number>(vocab - 3).fill(1)];
    metadata.set("tokenizer.ggml.model", { type: "string", value: "llama" });
    metadata.set("tokenizer.ggml.tokens", { type: "strings", value: pieces });
    metadata.set("tokenizer.ggml.scores", { type: "numbers", element: "f32", value: pieces.map((_, i) => -i) });
    metadata.set("tokenizer.ggml.token_type", { type: "numbers", element: "i32", value: types });
  } else metadata.set("llama.vocab_size", u32(vocab));
  for (const [key, value] of Object.entries(keys)) {
    if (value === null) metadata.delete(key);
    else metadata.set(key, value);
  }

  // 2. Tensors.
  const random = generator(seed);
  const matrix = (tensor: string, columns: number, rows: number): TensorSpec => ({
    name: tensor,
    shape: [columns, rows],
    type: "F32",
    data: Float32Array.from({ length: columns * rows }, () => random() / Math.sqrt(columns)),
  });
  const norm = (tensor: string): TensorSpec => ({
    name: tensor,
    shape: [hidden],
    type: "F32",
    data: Float32Array.from({ length: hidden }, () => 1 + random() / 10),
  });
  const kv = (hidden / heads) * kvHeads;
  const tensors: TensorSpec[] = [
    matrix("token_embd.weight", hidden, vocab),
    norm("output_norm.weight"),
    matrix("output.weight", hidden, vocab),
  ];
  for (let l = 0; l < layers; l++) {
    const block = `blk.${l}`;
    tensors.push(
      norm(`${block}.attn_norm.weight`),
      matrix(`${block}.attn_q.weight`, hidden, hidden),
      matrix(`${block}.attn_k.weight`, hidden, kv),
      matrix(`${block}.attn_v.weight`, hidden, kv),
      matrix(`${block}.attn_output.weight`, hidden, hidden),
      norm(`${block}.ffn_norm.weight`),
      matrix(`${block}.ffn_gate.weight`, hidden, neurons),
      matrix(`${block}.ffn_up.weight`, hidden, neurons),
      magic === "PWRI"
        ? matrix(`${block}.ffn_down_t.weight`, hidden, neurons)
        : matrix(`${block}.ffn_down.weight`, neurons, hidden),
    );
    if (magic === "PWRI")
      tensors.push(matrix(`${block}.fc1.weight`, hidden, 8 + l), matrix(`${block}.fc2.weight`, 8 + l, neurons));
  }
  const path = join(into, file);
  writeFileSync(path, writeGguf({ magic, metadata, tensors: change(tensors) }));
  return path;
}

/** Normal numbers, the same for the same seed (Lehmer's generator, then Box and Muller). */
function generator(seed: number): () => number {
  let state = seed * 48271;
  const uniform = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
