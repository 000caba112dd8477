/**
 * A setting is everything that can differ between views of one model: activation, policy, strategy, interventions. Here it is translated
 * for the executor; a sweep runs many settings over the same tokens.
 */
import { LabError } from "../errors.js";
import type { Arithmetic, KvType, NativeModelInfo, NativeSetting } from "../native.js";
import { type Policy, perLayer } from "../policy/policy.js";
import { isReluFamily, type ResolvedActivation } from "./activation.js";
import type { ResolvedCutoff } from "./cutoff.js";
import type { Interventions } from "./interventions.js";
import { type Strategy, strategyOf } from "./options.js";

export interface Setting {
  readonly activation: ResolvedActivation;
  readonly policy: Policy;
  readonly strategy: Strategy;
  /** In force under strategy `predicted`. */
  readonly cutoff: ResolvedCutoff;
  readonly interventions: Interventions;
  /** Type of the KV cache. Default: "f32". */
  readonly kv?: KvType;
  /** Default: "float". */
  readonly arithmetic?: Arithmetic;
}

/** @throws invalid-option where the policy does not go with the activation. */
export function nativeSetting(setting: Setting, info: NativeModelInfo): NativeSetting {
  const { activation, policy } = setting;
  const strategy = strategyOf(setting.strategy, activation.kind);
  if (strategy === "predicted" && info.predictors.length === 0) {
    throw new LabError(
      "invalid-option",
      'strategy "predicted" needs predictors (tensors blk.N.fc1.weight and blk.N.fc2.weight), and this file has none; use "exact", which misses nothing',
    );
  }
  const native = {
    activation: activation.kind,
    t: perLayer(activation.t, info.layers),
    strategy,
    ...(strategy === "predicted" && { cutoff: perLayer(setting.cutoff.value, info.layers, "cutoff") }),
    interventions: setting.interventions.native,
    ...(setting.kv && { kv: setting.kv }),
    ...(setting.arithmetic && { arithmetic: setting.arithmetic }),
  };
  if (policy.kind === "as-trained") return native;
  if (!isReluFamily(activation.kind)) {
    throw new LabError(
      "invalid-option",
      `policy "fatrelu" goes with a ReLU-family activation; this model computes ${activation.name}. Load it with { activation: "relu" } only if it was trained for it`,
    );
  }
  if (activation.kind === "relu2") {
    throw new LabError("invalid-option", 'policy "fatrelu" on relu2 is not available yet; it works on relu and fatrelu');
  }
  return { ...native, policy: { kind: policy.kind satisfies "fatrelu", t: perLayer(policy.t, info.layers, "the policy's t") } };
}
