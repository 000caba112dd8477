/**
 * Keys of a file are judged by their effect: a file with a key that changes nothing is accepted and gives the same bits as without it; a key that
 * changes the computation is refused by name.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadQuietly } from "../../lab/model/load.js";
import type { Meta, TensorSpec } from "../support/gguf.js";
import { folder, type SmallLlama, small, writeSmallLlama } from "../support/small-llama.js";

let at: Awaited<ReturnType<typeof folder>>;
beforeAll(async () => {
  at = await folder();
});
afterAll(() => at.remove());

let files = 0;
const TOKENS = [1, 5, 9, 17, 30, 8];
async function logits(options: SmallLlama): Promise<Float32Array> {
  const { model } = await loadQuietly(writeSmallLlama(at.path, { file: `${files++}.gguf`, ...options }), { threads: 1 });
  try {
    return (await model.run(TOKENS)).logits.data;
  } finally {
    model.dispose();
  }
}
const withKeys = (keys: Readonly<Record<string, Meta | null>>) => logits({ keys });
const f32 = (value: number): Meta => ({ type: "f32", value });
const u32 = (value: number): Meta => ({ type: "u32", value });
const text = (value: string): Meta => ({ type: "string", value });
const bool = (value: boolean): Meta => ({ type: "bool", value });
const array = (element: "u32" | "i32" | "f32" | "u64", ...value: (number | bigint)[]): Meta => ({
  type: "numbers",
  element,
  value,
});

const frequencies = (...factors: number[]): SmallLlama => ({
  change: (tensors: TensorSpec[]) => [
    ...tensors,
    { name: "rope_freqs.weight", shape: [factors.length], type: "F32", data: factors },
  ],
});
const ones = (n: number) => new Array<number>(n).fill(1);

describe("keys that change nothing", () => {
  /** The keys about the computation that llama.cpp's model saver writes for a llama. */
  const saved: Readonly<Record<string, Meta>> = {
    "llama.vocab_size": u32(small.vocab),
    "llama.leading_dense_block_count": u32(0),
    "llama.feed_forward_length": array("u32", small.neurons, small.neurons),
    "llama.expert_feed_forward_length": u32(0),
    "llama.use_parallel_residual": bool(false),
    "llama.expert_count": u32(0),
    "llama.expert_used_count": u32(0),
    "llama.expert_weights_scale": f32(0),
    "llama.pooling_type": u32(0),
    "llama.logit_scale": f32(0),
    "llama.attn_logit_softcapping": f32(50),
    "llama.final_logit_softcapping": f32(30),
    "llama.residual_scale": f32(0),
    "llama.embedding_scale": f32(0),
    "llama.attention.head_count": array("u32", small.heads, small.heads),
    "llama.attention.head_count_kv": array("u32", small.kvHeads, small.kvHeads),
    "llama.attention.max_alibi_bias": f32(0),
    "llama.attention.clamp_kqv": f32(0),
    "llama.attention.key_length": u32(8),
    "llama.attention.value_length": u32(8),
    "llama.attention.layer_norm_epsilon": f32(0),
    "llama.attention.causal": bool(true),
    "llama.attention.sliding_window": u32(0),
    "llama.attention.scale": f32(0),
    "llama.rope.dimension_count": u32(8),
    "llama.rope.freq_base": f32(10000),
    "llama.rope.scaling.type": text("linear"),
    "llama.rope.scaling.factor": f32(0),
    "llama.rope.scaling.attn_factor": f32(1),
    "llama.rope.scaling.original_context_length": u32(small.context),
    "llama.rope.scaling.finetuned": bool(false),
    "llama.swiglu_clamp_exp": array("f32", 0, 0),
    "tokenizer.ggml.eot_token_id": u32(2 ** 32 - 1),
    "tokenizer.ggml.padding_token_id": u32(2 ** 32 - 1),
  };
  it("in a file that llama.cpp saved", async () => {
    expect(await withKeys(saved)).toEqual(await withKeys({}));
  });
  it.each<[string, Readonly<Record<string, Meta | null>>]>([
    ["linear without a factor", { "llama.rope.scaling.type": text("linear") }],
    ["a factor of 1", { "llama.rope.scaling.type": text("linear"), "llama.rope.scaling.factor": f32(1) }],
    ["yarn by a factor of 1", { "llama.rope.scaling.type": text("yarn"), "llama.rope.scaling.factor": f32(1) }],
    ["a factor where the type is none", { "llama.rope.scaling.type": text("none"), "llama.rope.scaling.factor": f32(8) }],
    ["the older key of a factor of 1", { "llama.rope.scale_linear": f32(1) }],
    ["the older key beside the newer, which counts", { "llama.rope.scaling.factor": f32(1), "llama.rope.scale_linear": f32(4) }],
    ["a window as long as the context", { "llama.attention.sliding_window": u32(small.context) }],
    ["a window longer than the context", { "llama.attention.sliding_window": u32(4096) }],
    ["soft caps of any value", { "llama.attn_logit_softcapping": f32(7), "llama.final_logit_softcapping": f32(9) }],
    ["one value for each layer", { "llama.rope.freq_base": array("f32", 10000, 10000), "llama.logit_scale": array("f32", 1, 1) }],
    ["experts used where there are none", { "llama.expert_used_count": u32(2) }],
    ["integers beyond 2^53 that nobody needs", { "x.hashes": array("u64", 2n ** 64n - 1n, 2n ** 53n + 1n) }],
    [
      "arrays of arrays that nobody needs",
      {
        "x.nested": {
          type: "arrays",
          value: [
            { type: "strings", value: ["a", ""] },
            { type: "arrays", value: [] },
          ],
        },
      },
    ],
    ["general.type of a model", { "general.type": text("model") }],
  ])("%s", async (_, keys) => {
    expect(await withKeys(keys)).toEqual(await withKeys({}));
  });
  it("rope_freqs.weight of ones", async () => {
    expect(await logits(frequencies(...ones(4)))).toEqual(await withKeys({}));
  });
  it("integers of any width", async () => {
    const wide = {
      "llama.block_count": { type: "u64", value: BigInt(small.layers) },
      "llama.embedding_length": { type: "i32", value: small.hidden },
      "llama.attention.head_count": { type: "u8", value: small.heads },
      "llama.attention.head_count_kv": { type: "i64", value: BigInt(small.kvHeads) },
      "llama.context_length": { type: "u16", value: small.context },
      "llama.feed_forward_length": { type: "i16", value: small.neurons },
    } as const;
    expect(await withKeys(wide)).toEqual(await withKeys({}));
  });
});

describe("keys that change the computation", () => {
  const refused = async (options: SmallLlama, code: string, ...says: RegExp[]) => {
    const error = await logits(options).then(
      () => new Error("it was run"),
      (reason: Error & { code: string }) => reason,
    );
    for (const part of says) expect(error.message).toMatch(part);
    expect(error).toMatchObject({ name: "LabError", code });
  };
  it.each<[string, Meta]>([
    ["llama.attention.causal", bool(false)],
    ["llama.attention.causal", u32(0)],
    ["llama.rope.scaling.attn_factor", f32(1.2)],
    ["llama.rope.scaling.attn_factor", f32(0)],
    ["llama.attention.sliding_window", u32(small.context - 1)],
    ["llama.attention.scale", f32(0.1)],
    ["llama.attention.clamp_kqv", f32(8)],
    ["llama.attention.max_alibi_bias", f32(8)],
    ["llama.logit_scale", f32(0.5)],
    ["llama.residual_scale", f32(0.2)],
    ["llama.embedding_scale", f32(12)],
    ["llama.use_parallel_residual", bool(true)],
    ["llama.expert_count", u32(8)],
    ["llama.logit_scale", f32(Number.NaN)],
  ])("%s = %o", (key, value) =>
    refused(
      { keys: { [key]: value } },
      "unsupported-model",
      new RegExp(`key "${key.replaceAll(".", "\\.")}" is`),
      /changes the computation/,
    ),
  );
  it("scaled positions of a kind that is not computed, and yarn's further factors", async () => {
    const scaled = (type: string, more: Readonly<Record<string, Meta>> = {}) => ({
      keys: { "llama.rope.scaling.type": text(type), "llama.rope.scaling.factor": f32(16), ...more },
    });
    await refused(scaled("longrope"), "unsupported-model", /rope\.scaling\.factor" is 16.*"longrope", which is not supported/);
    await refused(scaled("ntk"), "unsupported-model", /rope\.scaling\.type" is "ntk"; expected "none", "linear" or "yarn"/);
    await refused(
      scaled("yarn", { "llama.rope.scaling.yarn_log_multiplier": f32(0.1) }),
      "unsupported-model",
      /yarn_log_multiplier" is 0\.1/,
    );
  });
  it("linear positions by a factor are computed, under either key", async () => {
    const plain = await withKeys({});
    const linear = await withKeys({ "llama.rope.scaling.type": text("linear"), "llama.rope.scaling.factor": f32(4) });
    expect(linear).not.toEqual(plain);
    expect(await withKeys({ "llama.rope.scale_linear": f32(4) })).toEqual(linear);
  });
  it("an architecture that would run with other numbers than its model is refused by name", () =>
    refused(
      { keys: { "general.architecture": text("bitnet") } },
      "unsupported-model",
      /"bitnet" is not supported: .*SiLU or squared ReLU.*perplexity/,
    ));
  it("a value that differs between layers", () =>
    refused(
      { keys: { "llama.feed_forward_length": array("u32", 48, 32) } },
      "unsupported-model",
      /feed_forward_length" differs from layer to layer \(48 in layer 0, 32 in layer 1\)/,
    ));
  it("an empty array, and one of texts", async () => {
    await refused({ keys: { "llama.block_count": array("u32") } }, "bad-file", /is an empty array; expected at least one value/);
    await refused(
      { keys: { "llama.block_count": { type: "strings", value: ["2"] } } },
      "bad-file",
      /an array of string; expected an integer/,
    );
  });
  it("rope_freqs.weight that scales", async () => {
    expect(await logits(frequencies(1, 1, 1, 0.5))).not.toEqual(await withKeys({}));
    await refused(frequencies(...ones(3)), "bad-file", /rope_freqs\.weight" has shape 3; expected 4/);
    await refused(frequencies(1, 1, 1, 0), "bad-file", /factor 3 of the rope frequencies is 0/);
  });
});

it("resid_pre + attn.add is resid_mid, and resid_mid + ffn.add is resid_post, bit for bit", async () => {
  const { model } = await loadQuietly(writeSmallLlama(at.path, { file: `${files++}.gguf` }));
  try {
    const run = await model.run(TOKENS, {
      capture: [
        "blocks.*.resid_pre",
        "blocks.*.attn.add",
        "blocks.*.resid_mid",
        "blocks.*.ffn.out",
        "blocks.*.ffn.add",
        "blocks.*.resid_post",
      ],
    });
    const sum = (a: Float32Array, b: Float32Array) => a.map((value, i) => value + b[i]!);
    const [pre, attended, mid] = [
      run.cache.get("blocks.*.resid_pre"),
      run.cache.get("blocks.*.attn.add"),
      run.cache.get("blocks.*.resid_mid"),
    ];
    const [out, added, post] = [
      run.cache.get("blocks.*.ffn.out"),
      run.cache.get("blocks.*.ffn.add"),
      run.cache.get("blocks.*.resid_post"),
    ];
    expect(sum(pre.data, attended.data)).toEqual(mid.data);
    expect(sum(mid.data, added.data)).toEqual(post.data);
    expect(added.data).toEqual(out.data); // nothing follows in a llama
  } finally {
    model.dispose();
  }
});
