/**
 * Made from native/vocabulary/vocabulary.json by scripts/vocabulary.mjs: change that table and run "node scripts/vocabulary.mjs".
 *
 * The names that the lab and the executor share, one list for each idea. Those under "later" belong to the API, but nothing
 * computes them yet: they are refused by name.
 */

/** Names of hook points without their layers. */
export type PointName = "embed" | "resid_pre" | "attn.q" | "attn.k" | "attn.v" | "attn.scores" | "attn.pattern" | "attn.z" | "attn.out" | "attn.add" | "resid_mid" | "ffn.in" | "ffn.gate_pre" | "ffn.gate" | "ffn.up_pre" | "ffn.up" | "ffn.mid" | "ffn.out" | "ffn.add" | "resid_post" | "final_norm" | "logits";
/** An axis of a captured point, before the layers of a range. */
export type Axis = "token" | "hidden" | "head" | "channel" | "query" | "key" | "neuron" | "vocab";
/** The axes of each point. */
export interface PointAxes {
  "embed": ["token", "hidden"];
  "resid_pre": ["token", "hidden"];
  "attn.q": ["token", "head", "channel"];
  "attn.k": ["token", "head", "channel"];
  "attn.v": ["token", "head", "channel"];
  "attn.scores": ["head", "query", "key"];
  "attn.pattern": ["head", "query", "key"];
  "attn.z": ["token", "head", "channel"];
  "attn.out": ["token", "hidden"];
  "attn.add": ["token", "hidden"];
  "resid_mid": ["token", "hidden"];
  "ffn.in": ["token", "hidden"];
  "ffn.gate_pre": ["token", "neuron"];
  "ffn.gate": ["token", "neuron"];
  "ffn.up_pre": ["token", "neuron"];
  "ffn.up": ["token", "neuron"];
  "ffn.mid": ["token", "neuron"];
  "ffn.out": ["token", "hidden"];
  "ffn.add": ["token", "hidden"];
  "resid_post": ["token", "hidden"];
  "final_norm": ["token", "hidden"];
  "logits": ["token", "vocab"];
}
/** Points of every layer. */
export type LayerPoint = "resid_pre" | "attn.q" | "attn.k" | "attn.v" | "attn.scores" | "attn.pattern" | "attn.z" | "attn.out" | "attn.add" | "resid_mid" | "ffn.in" | "ffn.gate_pre" | "ffn.gate" | "ffn.up_pre" | "ffn.up" | "ffn.mid" | "ffn.out" | "ffn.add" | "resid_post";
/** Points that the model has once. */
export type ModelPoint = "embed" | "final_norm" | "logits";
export interface PointTraits {
  readonly name: PointName;
  /** "layer": in every layer; "model": once. */
  readonly scope: "layer" | "model";
  readonly axes: readonly Axis[];
  /** Exists only where the FFN has a gate. */
  readonly needs?: "gate";
}
/** Hook points, in the order in which they are computed. */
export const points: readonly PointTraits[] = [
  { name: "embed", scope: "model", axes: ["token", "hidden"] },
  { name: "resid_pre", scope: "layer", axes: ["token", "hidden"] },
  { name: "attn.q", scope: "layer", axes: ["token", "head", "channel"] },
  { name: "attn.k", scope: "layer", axes: ["token", "head", "channel"] },
  { name: "attn.v", scope: "layer", axes: ["token", "head", "channel"] },
  { name: "attn.scores", scope: "layer", axes: ["head", "query", "key"] },
  { name: "attn.pattern", scope: "layer", axes: ["head", "query", "key"] },
  { name: "attn.z", scope: "layer", axes: ["token", "head", "channel"] },
  { name: "attn.out", scope: "layer", axes: ["token", "hidden"] },
  { name: "attn.add", scope: "layer", axes: ["token", "hidden"] },
  { name: "resid_mid", scope: "layer", axes: ["token", "hidden"] },
  { name: "ffn.in", scope: "layer", axes: ["token", "hidden"] },
  { name: "ffn.gate_pre", scope: "layer", axes: ["token", "neuron"], needs: "gate" },
  { name: "ffn.gate", scope: "layer", axes: ["token", "neuron"], needs: "gate" },
  { name: "ffn.up_pre", scope: "layer", axes: ["token", "neuron"] },
  { name: "ffn.up", scope: "layer", axes: ["token", "neuron"], needs: "gate" },
  { name: "ffn.mid", scope: "layer", axes: ["token", "neuron"] },
  { name: "ffn.out", scope: "layer", axes: ["token", "hidden"] },
  { name: "ffn.add", scope: "layer", axes: ["token", "hidden"] },
  { name: "resid_post", scope: "layer", axes: ["token", "hidden"] },
  { name: "final_norm", scope: "model", axes: ["token", "hidden"] },
  { name: "logits", scope: "model", axes: ["token", "vocab"] },
];
export const laterPoints: readonly string[] = [];

export type ActivationKind = "silu" | "gelu" | "gelu_tanh" | "relu" | "relu2" | "fatrelu";
export const activations: readonly ActivationKind[] = ["silu", "gelu", "gelu_tanh", "relu", "relu2", "fatrelu"];
/** A model trained with one activation may run with another one of its family. */
export const activationFamily: Readonly<Record<ActivationKind, "silu" | "gelu" | "relu">> = { silu: "silu", gelu: "gelu", gelu_tanh: "gelu", relu: "relu", relu2: "relu", fatrelu: "relu" };

export type StrategyKind = "dense" | "exact" | "predicted";
export const strategies: readonly StrategyKind[] = ["dense", "exact", "predicted"];
export type PlannedStrategy = "screened";
/** What to use instead. */
export const laterStrategies: Readonly<Record<string, string>> = {"screened": "use \"exact\", which misses nothing"};

export type PolicyKind = "as-trained" | "fatrelu";
export const policyKinds: readonly PolicyKind[] = ["as-trained", "fatrelu"];
export type PlannedPolicy = "magnitude" | "top-k" | "top-p" | "gaussian-top-k" | "weighted" | "cett" | "cats" | "teal";
export const laterPolicies: Readonly<Record<string, string>> = {"magnitude": "", "top-k": "", "top-p": "", "gaussian-top-k": "", "weighted": "", "cett": "", "cats": "", "teal": ""};

export type InterventionKind = "zero" | "scale" | "replace" | "add" | "call";
export const interventionKinds: readonly InterventionKind[] = ["zero", "scale", "replace", "add", "call"];
export const laterInterventions: Readonly<Record<string, string>> = {};

export type ReducerKind = "sparsity" | "frequency";

/** Types in which weights are stored and computed with, by the names of GGUF. */
export type WeightType = "F32" | "F16" | "Q4_0" | "Q4_1" | "Q5_0" | "Q5_1" | "Q8_0" | "Q4_K" | "Q5_K" | "Q6_K" | "BF16";
export const weightTypes: readonly WeightType[] = ["F32", "F16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K", "BF16"];

/** What kind of error a `LabError` is, for programs: `if (error.code === "out-of-memory")`. */
export type LabErrorCode = "bad-file" | "unsupported-model" | "unsupported-type" | "unknown-hook-point" | "not-captured" | "invalid-option" | "no-device" | "device-lost" | "out-of-memory" | "context-full" | "not-finite" | "disposed" | "aborted";
