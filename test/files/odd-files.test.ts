/**
 * Files opened in place of a model: each kind is named with a way out, by load and the command line. (The table of first bytes has its own test,
 * native/gguf/odd_files.test.cpp.)
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LabError, type LabErrorCode } from "../../lab/errors.js";
import { loadQuietly } from "../../lab/model/load.js";
import type { Model } from "../../lab/model/model.js";
import { type Meta, specOf, type TensorSpec, writeGguf } from "../support/gguf.js";
import { folder, type SmallLlama, writeSmallLlama } from "../support/small-llama.js";

let at: Awaited<ReturnType<typeof folder>>;
beforeAll(async () => {
  at = await folder();
});
afterAll(() => at.remove());

async function failure(path: unknown): Promise<LabError> {
  let model: Model;
  try {
    ({ model } = await loadQuietly(path as string, { threads: 1 }));
  } catch (error) {
    expect(error).toBeInstanceOf(LabError);
    return error as LabError;
  }
  model.dispose();
  throw new Error(`${String(path)} was loaded`);
}
async function expectFailure(path: unknown, code: LabErrorCode, ...says: (string | RegExp)[]): Promise<void> {
  const { message, code: found } = await failure(path);
  for (const part of says) expect(message).toMatch(part);
  expect(message).not.toMatch(/\p{Cc}/u);
  expect(found).toBe(code);
}
let files = 0;
const written = (bytes: Uint8Array | string, name = `${files++}.gguf`): string => {
  const path = join(at.path, name);
  writeFileSync(path, bytes);
  return path;
};
const small = (options: SmallLlama = {}) => writeSmallLlama(at.path, { file: `${files++}.gguf`, ...options });

describe("files of other formats", () => {
  it.each<[string, string | Uint8Array, RegExp, RegExp]>([
    [
      "a Git LFS pointer",
      "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 3825807040\n",
      /Git LFS pointer/,
      /git lfs pull/,
    ],
    ["an HTML page", "\n<!DOCTYPE html>\n<html><head><title>Sign in</title>", /HTML page/, /\/resolve\//],
    ["an error as JSON", '{"error":"Invalid credentials"}', /JSON.*Invalid credentials/, /download the file again/],
    ["a short error", "Entry not found", /server's error message/, /download it again/],
    [
      "safetensors",
      Uint8Array.from([24, 0, 0, 0, 0, 0, 0, 0, ...Buffer.from('{"a":{"dtype":"F16"}}   ')]),
      /safetensors/,
      /convert_hf_to_gguf\.py/,
    ],
    ["a ZIP archive", Uint8Array.from([...Buffer.from("PK\x03\x04"), ...new Uint8Array(60)]), /ZIP archive/, /unpack it/],
    [
      "ggjt",
      Uint8Array.from([...Buffer.from("tjgg"), 3, 0, 0, 0, ...new Uint8Array(60)]),
      /old ggjt file/,
      /convert_llama_ggml_to_gguf\.py/,
    ],
    ["ggml", Uint8Array.from([...Buffer.from("lmgg"), ...new Uint8Array(60)]), /old ggml file/, /convert_llama_ggml_to_gguf\.py/],
    [
      "an old LoRA adapter",
      Uint8Array.from([...Buffer.from("algg"), 1, 0, 0, 0, ...new Uint8Array(60)]),
      /LoRA adapter/,
      /merge the adapter/,
    ],
    ["zeros", new Uint8Array(100_000), /begins with zeros/, /download it again/],
    ["nothing", "", /empty/, /download it again/],
  ])("%s", (_, bytes, what, wayOut) => expectFailure(written(bytes), "bad-file", what, wayOut));
});

describe("GGUF files without a model", () => {
  const keys = (entries: Readonly<Record<string, Meta | null>>) => small({ keys: entries });
  const string = (value: string): Meta => ({ type: "string", value });
  it("a split file of one part is a whole model", async () => {
    const { model } = await loadQuietly(
      keys({ "split.count": { type: "u16", value: 1 }, "split.no": { type: "u16", value: 0 } }),
    );
    model.dispose();
  });
  it("a LoRA adapter", () =>
    expectFailure(
      keys({ "general.type": string("adapter"), "adapter.type": string("lora") }),
      "unsupported-model",
      /general\.type" is "adapter"/,
      /llama-export-lora -m MODEL\.gguf --lora ADAPTER\.gguf/,
    ));
  it("an importance matrix", () =>
    expectFailure(
      keys({ "general.type": string("imatrix"), "general.architecture": null }),
      "unsupported-model",
      /general\.type" is "imatrix"/,
      /load the model itself/,
    ));
  it("a control vector, a picture reader, PowerInfer's list", async () => {
    await expectFailure(
      keys({ "general.architecture": string("controlvector") }),
      "unsupported-model",
      /control vector/,
      /steer/,
    );
    await expectFailure(keys({ "general.type": string("mmproj") }), "unsupported-model", /reads pictures/);
    await expectFailure(keys({ "general.architecture": string("generic.gpu_index") }), "unsupported-model", /list of neurons/);
  });
  it("a vocabulary alone", () => {
    const { metadata } = specOf(new Uint8Array(readFileSync(small())));
    return expectFailure(written(writeGguf({ metadata })), "bad-file", /a vocabulary and no tensors/, /sparselab info/);
  });
});

describe("an incomplete download", () => {
  const zeroed = (which: (name: string) => boolean, from = 0): SmallLlama => ({
    change: (tensors: TensorSpec[]) =>
      tensors.map((tensor) => (which(tensor.name) ? { ...tensor, data: Float32Array.from(tensor.data!).fill(0, from) } : tensor)),
  });
  it.each(["output_norm.weight", "blk.0.attn_norm.weight", "blk.1.ffn_norm.weight", "token_embd.weight", "output.weight"])(
    "%s all zeros",
    (name) =>
      expectFailure(
        small(zeroed((of) => of === name)),
        "bad-file",
        `tensor "${name}" is all zeros`,
        /did not finish/,
        /[Dd]ownload the file again/,
      ),
  );
  it("a tail of zeros, from within the last tensor or from before it", async () => {
    const whole = new Uint8Array(readFileSync(small()));
    for (const bytes of [4000, 20_000, whole.length / 2]) {
      const cut = whole.slice().fill(0, whole.length - bytes);
      await expectFailure(written(cut), "bad-file", /all zeros/, /did not finish/);
    }
  });
  it("zeros that may be intended are run: a silent row, a layer that adds nothing", async () => {
    for (const options of [
      zeroed((name) => name === "blk.0.ffn_down.weight"),
      zeroed((name) => name === "token_embd.weight", 32 * 39),
      zeroed((name) => name === "blk.1.ffn_down.weight", 48 * 31),
      { change: (tensors: TensorSpec[]) => zeroed((name) => name === "output_norm.weight", 1).change!(tensors) },
    ]) {
      const { model } = await loadQuietly(small(options), { threads: 1 });
      expect((await model.run([1, 5])).logits.data.some((value) => value !== 0)).toBe(true);
      model.dispose();
    }
  });
});

describe("invalid paths", () => {
  it("URLs and names on servers", async () => {
    await expectFailure(
      "https://example.org/a/model.gguf",
      "bad-file",
      /this is a URL/,
      /curl -L -O "https:\/\/example\.org\/a\/model\.gguf"/,
    );
    await expectFailure("hf:owner/model", "bad-file", /hf download owner\/model --include/);
    await expectFailure("hf://owner/model:Q8_0", "bad-file", /hf download owner\/model --include/);
  });
  it("file:// as a text and as a URL: the suggested path is that file", async () => {
    const path = small();
    for (const address of [pathToFileURL(path).href, pathToFileURL(path)]) {
      const { message } = await failure(address);
      const instead = JSON.parse(/load takes a path: (".*")$/.exec(message)![1]!) as string;
      const { model } = await loadQuietly(instead);
      model.dispose();
    }
  });
  it("~: with the home folder's name", () =>
    expectFailure("~/models/a.gguf", "bad-file", `write ${JSON.stringify(join(homedir(), "models/a.gguf"))}`));
  it("NUL, and values that are not strings", async () => {
    await expectFailure("a\0.gguf", "bad-file", /NUL/);
    await expectFailure("", "invalid-option", /needs the path/);
    await expectFailure(undefined, "invalid-option", /needs the path of a model file, received undefined/);
  });
  it("a missing file: the suggested one can be loaded", async () => {
    small({ file: "llama-7b.q8_0.gguf" });
    const { message } = await failure(join(at.path, "llama-7b.q8.gguf"));
    const near = JSON.parse(/No such file\. Did you mean (".*")\?$/.exec(message)![1]!) as string;
    const { model } = await loadQuietly(near);
    model.dispose();
  });
  it("a folder: the models in it are named; a missing folder is reported as missing", async () => {
    const inner = join(at.path, "inner");
    mkdirSync(inner);
    await expectFailure(inner, "bad-file", /a folder without a \.gguf file/);
    small({ file: "inner/one.gguf" });
    await expectFailure(relative(process.cwd(), inner), "bad-file", /a folder; load one of its files: ".*one\.gguf"/);
    await expectFailure(join(at.path, "nowhere", "a.gguf"), "bad-file", /there is no folder ".*nowhere"/);
  });
  it("a file whose name only looks like that is opened", async () => {
    const here = process.cwd();
    small({ file: "hf:model" });
    process.chdir(at.path);
    try {
      const { model } = await loadQuietly("hf:model");
      model.dispose();
    } finally {
      process.chdir(here);
    }
  });
});
