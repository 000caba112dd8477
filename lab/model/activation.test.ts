import { describe, expect, it } from "vitest";
import type { FileTable, MetaValue } from "../native.js";
import { parseActivation, resolveActivation } from "./activation.js";

const L = 2;
interface Given {
  readonly magic?: "GGUF" | "PWRI";
  readonly path?: string;
  readonly name?: string;
  readonly key?: string;
  readonly threshold?: MetaValue;
}
function table({ magic = "GGUF", path = "/models/plain.gguf", name, key, threshold }: Given): FileTable {
  const metadata = new Map<string, MetaValue>([["general.architecture", { type: "string", value: "llama" }]]);
  if (name !== undefined) metadata.set("general.name", { type: "string", value: name });
  if (key !== undefined) metadata.set("llama.hidden_activation", { type: "string", value: key });
  if (threshold !== undefined) metadata.set("sparselab.threshold", threshold);
  const defaultActivation =
    magic === "PWRI"
      ? ({ kind: "relu", rule: "the rule of PowerInfer files, which have no key for it" } as const)
      : ({ kind: "silu", rule: "the rule of GGUF llama files without a key for it" } as const);
  return { path, parts: [path], magic, version: 3, fileBytes: 0, metadata, tensors: [], copiedBytes: 0, defaultActivation };
}
const f32 = (value: number): MetaValue => ({ type: "f32", value: Math.fround(value) });
const array = (...value: number[]): MetaValue => ({ type: "numbers", element: "f32", value: Float64Array.from(value) });

describe("the activation in use", () => {
  it("follows the container and architecture without an option or key", () => {
    expect(resolveActivation(table({ magic: "PWRI" }), L)).toMatchObject({ name: "relu", kind: "relu", from: "architecture" });
    expect(resolveActivation(table({}), L)).toMatchObject({ name: "silu", kind: "silu", from: "architecture" });
  });

  it.each([
    ["swish", "silu"],
    ["swiglu", "silu"],
    ["reglu", "relu"],
    ["relu2", "relu2"],
    ["relu_squared", "relu2"],
    ["gelu_pytorch_tanh", "gelu_tanh"],
  ])("reads the spelling %s of a file as %s", (spelling, kind) => {
    expect(resolveActivation(table({ key: spelling }), L)).toMatchObject({ kind, name: kind, from: "file" });
  });

  it("follows the file's key before the rule, and the option before the key", () => {
    expect(resolveActivation(table({ key: "relu" }), L)).toMatchObject({ name: "relu", from: "file" });
    const chosen = resolveActivation(table({ key: "relu" }), L, "fatrelu_0.03");
    expect(chosen).toMatchObject({ name: "fatrelu_0.03", kind: "fatrelu", t: 0.03, from: "option" });
    expect(chosen.overrules).toMatch(/relu \(key llama\.hidden_activation\)/);
    expect(resolveActivation(table({ magic: "PWRI" }), L, "silu").overrules).toMatch(/relu \(the rule of PowerInfer/);
    expect(resolveActivation(table({ key: "relu" }), L, "relu").overrules).toBeUndefined();
  });

  it("reads thresholds, one or one for each layer", () => {
    expect(resolveActivation(table({ key: "fatrelu", threshold: f32(0.03) }), L)).toMatchObject({ name: "fatrelu_0.03" });
    expect(resolveActivation(table({ key: "fatrelu", threshold: array(0.5, 1) }), L)).toMatchObject({
      name: "fatrelu",
      t: [0.5, 1],
    });
    expect(resolveActivation(table({ threshold: f32(0.25) }), L)).toMatchObject({ name: "fatrelu_0.25", from: "file" });
    expect(resolveActivation(table({ key: "fatrelu_0.03", threshold: f32(0.03) }), L)).toMatchObject({ name: "fatrelu_0.03" });
    expect(resolveActivation(table({ key: "fatrelu", threshold: f32(0.5) }), L, "fatrelu")).toMatchObject({
      t: 0.5,
      from: "option",
    });
  });

  it("refuses keys that contradict each other or are not activations", () => {
    expect(() => resolveActivation(table({ key: "relu", threshold: f32(0.5) }), L)).toThrow(/contradict/);
    expect(() => resolveActivation(table({ key: "fatrelu_0.1", threshold: f32(0.5) }), L)).toThrow(/contradict/);
    expect(() => resolveActivation(table({ key: "fatrelu" }), L)).toThrow(/sparselab\.threshold.*missing/);
    expect(() => resolveActivation(table({ key: "fatrelu", threshold: array(1) }), L)).toThrow(/1 values for 2 layers/);
    expect(() => resolveActivation(table({ key: "fatrelu", threshold: f32(-1) }), L)).toThrow(/>= 0/);
    expect(() => resolveActivation(table({ key: "fatrelu", threshold: { type: "string", value: "1" } }), L)).toThrow(
      /must be a float32/,
    );
    expect(() => resolveActivation(table({ key: "rleu" }), L)).toThrow(/Did you mean "relu"/);
  });

  it("refuses another family than the file's key, but not than a rule", () => {
    expect(() => resolveActivation(table({ key: "relu" }), L, "silu")).toThrow(/another family/);
    expect(() => resolveActivation(table({ key: "silu" }), L, "fatrelu_0.1")).toThrow(/another family/);
    expect(() => resolveActivation(table({ key: "gelu" }), L, "silu")).toThrow(/another family/);
    expect(resolveActivation(table({ key: "gelu" }), L, "gelu_tanh").name).toBe("gelu_tanh");
  });

  it("asks the user where a GGUF file's name says sparse and no key says how", () => {
    for (const given of [
      { name: "ProSparse LLaMA 2 7B" },
      { path: "/m/ReluLLaMA-7B.gguf" },
      { path: "/m/MiniCPM-S-1B-sft.gguf" },
    ]) {
      expect(() => resolveActivation(table(given), L), JSON.stringify(given)).toThrow(/Choose: \{ activation: "relu" \}/);
      expect(resolveActivation(table(given), L, "relu").from).toBe("option");
      expect(resolveActivation(table({ ...given, magic: "PWRI" }), L).name).toBe("relu");
    }
    // The folder's name says nothing about the file.
    expect(resolveActivation(table({ path: "/prosparse/llama-2-7b.gguf" }), L).name).toBe("silu");
    expect(resolveActivation(table({ name: "MiniCPM-SALA" }), L).name).toBe("silu");
  });

  it("tells what the authors of MiniCPM-S mean", () => {
    const given = { magic: "PWRI", path: "/m/MiniCPM-S-1B-sft.gguf" } as const;
    expect(resolveActivation(table(given), L).notes.join()).toMatch(/FATReLU with t = 0\.03/);
    expect(resolveActivation(table(given), L, "fatrelu_0.03").notes).toEqual([]);
  });

  it("parses thresholds in names, and refuses bad ones", () => {
    expect(parseActivation("fatrelu_0.01")).toEqual({ kind: "fatrelu", t: 0.01 });
    for (const bad of ["fatrelu_", "fatrelu_x", "fatrelu_-1", "fatrelu-0.01", "swish"])
      expect(() => parseActivation(bad), bad).toThrow(/activation/);
    expect(() => resolveActivation(table({ magic: "PWRI" }), L, "fatrelu")).toThrow(/needs its threshold/);
  });
});
