/** Damaged model files: each fault is a LabError that names the tensor or key and what was expected. (`npm run fuzz` searches for other faults.) */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { LabError, type LabErrorCode } from "../../lab/errors.js";
import { loadQuietly } from "../../lab/model/load.js";
import { layout } from "../fuzz/layout.js";
import { temporaryFolder } from "../support/folder.js";
import { type Meta, specOf, type TensorSpec, writeGguf } from "../support/gguf.js";
import { goldenFile, goldenModels } from "../support/golden.js";

const write = temporaryFolder();
const bytesOf = (name: string) => new Uint8Array(readFileSync(goldenFile(goldenModels().find((model) => model.name === name)!)));
const good = bytesOf("relu-f32-gqa");
const q8 = bytesOf("fatrelu-q8_0");
const powerinfer = bytesOf("pwri-relu-f16");

let count = 0;
/** How loading these bytes, a run of tokens and a run of text end. */
async function ending(bytes: Uint8Array): Promise<LabError> {
  const path = write(`${count++}.gguf`, bytes);
  try {
    const { model } = await loadQuietly(path, { threads: 1 });
    try {
      await model.run([1, 5, 9]);
      // The vocabulary is read with the first text.
      await model.run("a b");
    } finally {
      model.dispose();
    }
  } catch (error) {
    expect(error).toBeInstanceOf(LabError);
    return error as LabError;
  }
  throw new Error("it was loaded and run");
}
async function expectError(bytes: Uint8Array, code: LabErrorCode, ...says: (string | RegExp)[]): Promise<void> {
  const error = await ending(bytes);
  for (const part of says) expect(error.message).toMatch(part);
  expect(error.code).toBe(code);
  expect(error.message).not.toContain("\n");
}

/** A good file with its tensors or keys changed. */
function changed(file: Uint8Array, change: (tensors: Map<string, TensorSpec>, metadata: Map<string, Meta>) => void): Uint8Array {
  const spec = specOf(file);
  const tensors = new Map<string, TensorSpec>(spec.tensors.map((tensor) => [tensor.name, tensor]));
  change(tensors, spec.metadata);
  return writeGguf({ ...spec, tensors: [...tensors.values()] });
}
const withTensor = (file: Uint8Array, name: string, change: (tensor: TensorSpec) => TensorSpec) =>
  changed(file, (tensors) => {
    tensors.set(name, change(tensors.get(name)!));
  });
const withKey = (file: Uint8Array, key: string, value: Meta | undefined) =>
  changed(file, (_, metadata) => {
    if (value) metadata.set(key, value);
    else metadata.delete(key);
  });

/** A good file with a number of its header overwritten: the n-th field of a kind. */
function poked(what: string, n: number, value: bigint, file = good): Uint8Array {
  const field = layout(file).fields.filter((f) => f.what === what)[n]!;
  const out = file.slice();
  const view = new DataView(out.buffer);
  if (field.bytes === 4) view.setUint32(field.at, Number(value), true);
  else view.setBigUint64(field.at, value, true);
  return out;
}

describe("a file that ends too early", () => {
  it("says so wherever it was cut", async () => {
    const { fields, end } = layout(good);
    const places = [
      0,
      3,
      4,
      7,
      8,
      16,
      23,
      24,
      ...fields.filter((_, i) => i % 97 === 0).map((f) => f.at + 1),
      end - 1,
      end + 1,
      good.length >> 1,
      good.length - 32,
    ];
    for (const at of places) {
      const error = await ending(good.slice(0, at));
      expect(error.code, `cut at ${at}`).toBe("bad-file");
      expect(error.message, `cut at ${at}`).toMatch(/truncated|has only|bytes of the file are left|it is empty/);
    }
  });
  it("names the truncated tensor", () =>
    expectError(good.slice(0, good.length - 200), "bad-file", /tensor "blk\.1\.\w+\.weight"/, /beyond the file/));
  it("is distinguished from a missing file", async () => {
    await expect(loadQuietly(join("no", "such", "file.gguf"))).rejects.toMatchObject({
      code: "bad-file",
      message: expect.stringMatching(/file\.gguf.*[Nn]o such file/),
    });
  });
});

describe("a header with wrong values", () => {
  it("about its magic", () =>
    expectError(
      Uint8Array.from([1, 2, 3, 4, ...good.subarray(4)]),
      "bad-file",
      /first bytes are 01 02 03 04; expected "GGUF" or "PWRI"/,
    ));
  it("about its version", async () => {
    await expectError(poked("version", 0, 1n), "bad-file", /version 1 is not supported; expected 2 or 3/);
    await expectError(poked("version", 0, 4n), "bad-file", /version 4/);
    await expectError(poked("version", 0, 0x03000000n), "bad-file", /big-endian/);
  });
  it.each([2n ** 63n, 2n ** 64n - 1n, 2n ** 32n, 100_000n])("about its counts (%d)", async (n) => {
    await expectError(poked("count", 0, n), "bad-file", /tensors, but the file has only/);
    await expectError(poked("count", 1, n), "bad-file", /keys, but the file has only/);
    await expectError(poked("count", 2, n), "bad-file", /key "tokenizer\.ggml\.tokens"/);
  });
  it("about the length of a name", () =>
    expectError(poked("length", 0, 2n ** 62n), "bad-file", /key 0 has a name of 4611686018427387904 bytes/));
  it("about a type of value", () =>
    expectError(poked("type", 0, 77n), "bad-file", /key "general\.architecture" has value type 77/));
  it("about dimensions", async () => {
    await expectError(poked("dims", 0, 9n), "bad-file", /tensor "token_embd\.weight" has 9 dimensions; expected 1 to 4/);
    await expectError(poked("dims", 0, 0n), "bad-file", /has 0 dimensions/);
  });
  it("about a shape, also where its product overflows", async () => {
    for (const n of [2n ** 63n, 2n ** 62n, 0n])
      await expectError(poked("dim", 0, n), "bad-file", /tensor "token_embd\.weight"/, /overflows|beyond/);
    await expectError(poked("dim", 0, 41n), "bad-file", /tensor "token_embd\.weight"|tensors "token_embd\.weight"/);
  });
  it("about an offset", async () => {
    await expectError(poked("offset", 1, 2n ** 63n), "bad-file", /tensor "\w+\.weight": its \d+ bytes at offset/);
    await expectError(poked("offset", 1, 2n ** 64n - 32n), "bad-file", /tensor/);
    await expectError(poked("offset", 1, 7n), "bad-file", /offset 7 is not a multiple of the alignment 32/);
    await expectError(poked("offset", 1, 0n), "bad-file", /tensors "output_norm\.weight" and "token_embd\.weight" overlap/);
  });
  it("with an invalid alignment", () =>
    expectError(withKey(good, "general.alignment", { type: "u32", value: 3 }), "bad-file", /general\.alignment/, /power of two/));
});

describe("tensors", () => {
  const name = "blk.1.ffn_up.weight";
  it("missing", async () => {
    for (const missing of ["token_embd.weight", "output_norm.weight", "blk.0.attn_norm.weight", name, "blk.1.ffn_down.weight"]) {
      await expectError(
        changed(good, (tensors) => tensors.delete(missing)),
        "bad-file",
        missing,
        /is missing; expected one of shape/,
      );
    }
    await expectError(
      changed(powerinfer, (tensors) => tensors.delete("blk.0.fc1.weight")),
      "bad-file",
      /blk\.0\.fc1\.weight/,
    );
  });
  it("more than expected", async () => {
    const extra = (extraName: string) =>
      changed(good, (tensors) =>
        tensors.set(extraName, { name: extraName, shape: [40], type: "F32", data: new Float32Array(40) }),
      );
    await expectError(
      extra("blk.0.attn_q.bias"),
      "unsupported-model",
      /tensor "blk\.0\.attn_q\.bias"/,
      /this architecture has no such bias/,
    );
    await expectError(extra("blk.2.ffn_up.weight"), "unsupported-model", /tensor "blk\.2\.ffn_up\.weight"/);
    await expectError(extra("a\nb"), "unsupported-model", /tensor "a\\u000ab"/);
  });
  it("twice", () =>
    expectError(
      changed(good, (tensors) => tensors.set("twin", tensors.get(name)!)),
      "bad-file",
      `duplicate tensor "${name}"`,
    ));
  it("misshapen, also where the number of elements fits", async () => {
    const shaped = (file: Uint8Array, of: string, shape: number[]) => withTensor(file, of, (tensor) => ({ ...tensor, shape }));
    await expectError(shaped(good, name, [100, 40]), "bad-file", name, /has shape 100 x 40; expected 40 x 100/);
    await expectError(shaped(good, name, [4000]), "bad-file", name, /expected 40 x 100/);
    await expectError(shaped(good, name, [40, 50]), "bad-file", name, /has shape 40 x 50; expected 40 x 100/);
    await expectError(shaped(good, "output.weight", [40, 287]), "bad-file", "output.weight", /expected 40 x 288/);
    await expectError(shaped(powerinfer, "blk.0.fc2.weight", [4, 200]), "bad-file", /blk\.0\.fc2\.weight/, /expected 8 x 100/);
  });
  it("of an unsupported or unknown type", async () => {
    await expectError(
      withTensor(q8, "blk.0.ffn_up.weight", (t) => ({ ...t, type: 20 })),
      "unsupported-type",
      /blk\.0\.ffn_up\.weight/,
      /IQ4_NL; supported are F32, F16, Q4_0, .*Q6_K/,
    );
    await expectError(
      withTensor(q8, "blk.0.ffn_up.weight", (t) => ({ ...t, type: 99 })),
      "unsupported-type",
      /type 99; supported are/,
    );
  });
  it("not finite: the run says so, and gives no logits", async () => {
    for (const at of ["blk.0.ffn_down.weight", "output.weight", "output_norm.weight", "blk.1.attn_q.weight"]) {
      const file = withTensor(good, at, (tensor) => ({ ...tensor, raw: new Uint8Array(tensor.raw!.length).fill(0xff) }));
      await expectError(file, "not-finite", /not finite/);
    }
  });
});

describe("keys", () => {
  it.each([
    "general.architecture",
    "llama.block_count",
    "llama.embedding_length",
    "llama.feed_forward_length",
    "llama.attention.head_count",
    "llama.attention.layer_norm_rms_epsilon",
    "llama.context_length",
  ])("%s missing, or of another type", async (key) => {
    await expectError(withKey(good, key, undefined), "bad-file", `key "${key}" is missing; expected`);
    const wrong: Meta = key === "general.architecture" ? { type: "u32", value: 1 } : { type: "string", value: "64" };
    await expectError(withKey(good, key, wrong), "bad-file", `key "${key}" is of type`);
  });
  it("with impossible numbers", async () => {
    const huge: Meta = { type: "u32", value: 4294967295 };
    await expectError(withKey(good, "llama.block_count", huge), "bad-file", /block_count" is .*expected 1 to/);
    await expectError(
      withKey(good, "llama.block_count", { type: "u32", value: 3 }),
      "bad-file",
      /tensor "blk\.2\.\w+\.weight" is missing/,
    );
    await expectError(withKey(good, "llama.attention.head_count", { type: "u32", value: 3 }), "bad-file", /heads/);
    await expectError(
      withKey(good, "llama.attention.layer_norm_rms_epsilon", { type: "f32", value: Number.NaN }),
      "bad-file",
      /epsilon/,
    );
    await expectError(withKey(good, "llama.rope.freq_base", { type: "f32", value: -1 }), "bad-file", /rope\.freq_base/);
    await expectError(withKey(good, "llama.embedding_length", { type: "u64", value: 2n ** 63n }), "bad-file", /embedding_length/);
  });
  it("that change the computation, with any value", async () => {
    const scaling = "llama.rope.scaling.type";
    await expectError(
      withKey(good, scaling, { type: "string", value: "dynamic" }),
      "unsupported-model",
      /scaling\.type" is "dynamic"/,
    );
    await expectError(
      withKey(good, scaling, { type: "u32", value: 1 }),
      "bad-file",
      /scaling\.type" is of type u32; expected a string/,
    );
    for (const key of ["llama.attention.sliding_window", "llama.logit_scale"]) {
      await expectError(withKey(good, key, { type: "f32", value: 2 }), "unsupported-model", key, /changes the computation/);
      await expectError(withKey(good, key, { type: "string", value: "2" }), "bad-file", key, /of type string; expected a number/);
      await expectError(
        withKey(good, key, { type: "numbers", element: "f32", value: [2, 2] }),
        "unsupported-model",
        key,
        /is 2, .*changes the computation/,
      );
    }
  });
  it("of another architecture", () =>
    expectError(
      withKey(good, "general.architecture", { type: "string", value: "mamba" }),
      "unsupported-model",
      /"mamba" is not supported; supported is "llama".*"minicpm".*"gemma3"/,
    ));
  it("of an unknown activation", () =>
    expectError(
      withKey(good, "llama.hidden_activation", { type: "string", value: "rleu" }),
      "bad-file",
      /hidden_activation/,
      /"rleu".*Did you mean "relu"/,
    ));
  it("of thresholds for another number of layers, or not numbers", async () => {
    await expectError(
      withKey(q8, "sparselab.threshold", { type: "numbers", element: "f32", value: [0.1] }),
      "bad-file",
      /sparselab\.threshold.*1 values for 2 layers/,
    );
    await expectError(withKey(q8, "sparselab.threshold", { type: "f32", value: Number.NaN }), "bad-file", /sparselab\.threshold/);
  });
  it("twice", async () => {
    const { fields } = layout(good);
    const keyText = fields.filter((f) => f.what === "text");
    const out = good.slice();
    // No other key is as long as general.name; of two llama keys of one length, one gets the other's name.
    const keys = keyText.map((f) => Buffer.from(good.subarray(f.at, f.at + f.bytes)).toString());
    const [a, b] = [keys.indexOf("llama.context_length"), keys.indexOf("llama.rope.freq_base")];
    expect(keys[a]!.length).toBe(keys[b]!.length);
    out.set(Buffer.from(keys[a]!), keyText[b]!.at);
    await expectError(out, "bad-file", /duplicate key "llama\.context_length"/);
  });
});

describe("a vocabulary", () => {
  const tokens = "tokenizer.ggml.tokens";
  const pieces = (specOf(good).metadata.get(tokens) as Extract<Meta, { type: "strings" }>).value;
  it("of another size than the embedding", async () => {
    await expectError(
      withKey(good, tokens, { type: "strings", value: pieces.slice(1) }),
      "bad-file",
      /tokenizer\.ggml\.tokens: expected 288 pieces, one for each row of the embedding, found 287/,
    );
  });
  it("with scores or types of another number", () =>
    expectError(
      withKey(good, "tokenizer.ggml.scores", { type: "numbers", element: "f32", value: [1] }),
      "bad-file",
      /tokenizer\.ggml\.scores: expected 288 values/,
    ));
  it("with a token outside the vocabulary", () =>
    expectError(
      withKey(good, "tokenizer.ggml.bos_token_id", { type: "u32", value: 288 }),
      "bad-file",
      /bos_token_id: expected a piece, 0 to 287, found 288/,
    ));
  it("of another kind", () =>
    expectError(
      withKey(good, "tokenizer.ggml.model", { type: "string", value: "gpt2\n" }),
      "unsupported-model",
      /"gpt2\\n" is not supported/,
    ));
});
