/** Settings in the executor's form: the policy is a record of its own, beside the model's activation. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { folder, small, writeSmallLlama } from "../../test/support/small-llama.js";
import type { NativeModelInfo } from "../native.js";
import type { Policy } from "../policy/policy.js";
import type { Activation, ResolvedActivation } from "./activation.js";
import { load } from "./load.js";
import type { Model } from "./model.js";
import { nativeSetting } from "./setting.js";

const info = { layers: 2 } as NativeModelInfo;
const settingOf = (kind: ResolvedActivation["kind"], policy: Policy, t = 0) =>
  nativeSetting(
    {
      activation: { name: kind, kind, t, from: "option", source: "your option", notes: [] } as ResolvedActivation,
      policy,
      strategy: "exact",
      cutoff: { value: 0, source: "the default" },
      interventions: { list: [], native: [] } as never,
    },
    info,
  );

describe("settings for the executor", () => {
  it("keeps the activation and its own thresholds, and adds the policy with its thresholds", () => {
    expect(settingOf("fatrelu", { kind: "as-trained" }, 0.5)).toMatchObject({
      activation: "fatrelu",
      t: Float32Array.of(0.5, 0.5),
    });
    expect(settingOf("fatrelu", { kind: "as-trained" }, 0.5).policy).toBeUndefined();
    expect(settingOf("fatrelu", { kind: "fatrelu", t: [0.25, 1] }, 0.5)).toMatchObject({
      activation: "fatrelu",
      t: Float32Array.of(0.5, 0.5),
      policy: { kind: "fatrelu", t: Float32Array.of(0.25, 1) },
    });
    expect(settingOf("relu", { kind: "fatrelu", t: 0.25 })).toMatchObject({
      activation: "relu",
      policy: { kind: "fatrelu", t: Float32Array.of(0.25, 0.25) },
    });
  });

  it("refuses fatrelu where the activation is not relu or fatrelu", () => {
    expect(() => settingOf("silu", { kind: "fatrelu", t: 0.25 })).toThrow(/ReLU-family activation; this model computes silu/);
    expect(() => settingOf("relu2", { kind: "fatrelu", t: 0.25 })).toThrow(/relu2 is not available yet/);
  });
});

describe("the policy fatrelu", () => {
  let dir: Awaited<ReturnType<typeof folder>>;
  const models: Model[] = [];
  beforeAll(async () => {
    dir = await folder();
  });
  afterAll(async () => {
    for (const model of models) model.dispose();
    await dir.remove();
  });
  const loaded = async (activation: Activation) => {
    const model = await load(writeSmallLlama(dir.path), { activation, quiet: true });
    models.push(model);
    return model;
  };
  const bits = async (model: Model) => {
    const run = await model.run([3, 9, 7, 20], { capture: ["blocks.*.ffn.gate", "blocks.*.ffn.mid"], logits: "all" });
    const { cache, logits } = run as unknown as {
      cache: { get(name: string): { data: Float32Array } };
      logits: { data: Float32Array };
    };
    const arrays = [logits.data, ...[0, 1].flatMap((l) => ["gate", "mid"].map((p) => cache.get(`blocks.${l}.ffn.${p}`).data))];
    return arrays.map((data) => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("hex"));
  };

  it("gives the bits of the activation fatrelu with the same t, whatever the model's own t", async () => {
    const want = await bits(await loaded("fatrelu_0.02"));
    const zero = await bits(await loaded("relu"));
    expect(zero).not.toEqual(want);
    for (const activation of ["relu", "fatrelu_0", "fatrelu_0.5", "fatrelu_0.02"] as const) {
      const model = await loaded(activation);
      for (const strategy of ["dense", "exact"] as const) {
        const view = (t: number | number[]) => model.with({ policy: { kind: "fatrelu", t }, strategy } as never) as Model;
        expect(await bits(view(0.02))).toEqual(want);
        expect(await bits(view(new Array<number>(small.layers).fill(0.02)))).toEqual(want);
        expect(await bits(view(0))).toEqual(zero); // not the model's own t, and not the larger of the two
      }
    }
  });
});
