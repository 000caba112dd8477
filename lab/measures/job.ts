/**
 * What every evaluation prepares: the measures are checked, the corpus is cut into windows, the reference is found, and the provenance of
 * every number is collected.
 */
import { LabError, unknownName } from "../errors.js";
import { modelName } from "../metadata.js";
import { weightTypes } from "../model/description.js";
import { type Internals, internalsOf } from "../model/internals.js";
import type { Model } from "../model/model.js";
import type { NativeSetting } from "../native.js";
import { packageInfo } from "../package.js";
import { type Policy, perLayerText, policyText } from "../policy/policy.js";
import { refusePromise } from "../promised.js";
import { received } from "../received.js";
import type { Corpus } from "./corpus.js";
import { sha256Of } from "./hash.js";
import type { Measure, Provenance } from "./report.js";
import { type Windows, windowSize, windowsOf } from "./windows.js";

const measures: readonly Measure[] = ["sparsity", "perplexity", "kl", "top1", "predictor"];
/** Measures that are planned and not available yet. */
const later = ["frequency", "overlap", "aggregated", "cett", "histogram"];
export const needsReference = (list: readonly Measure[]) => list.includes("kl") || list.includes("top1");

/** The measures, checked, in an array of their own. */
export function checkMeasures<M extends Measure>(given: readonly M[]): readonly M[] {
  refusePromise("measure", given);
  const list = Array.isArray(given) ? Array.from(given as readonly M[]) : [];
  if (list.length === 0) {
    throw new LabError(
      "invalid-option",
      `measure must be an array of at least one of ${measures.join(", ")}, received ${received(given)}`,
    );
  }
  for (const name of list as readonly unknown[]) {
    if (typeof name !== "string")
      throw new LabError("invalid-option", `a measure is one of ${measures.join(", ")}, received ${received(name)}`);
    if (later.includes(name))
      throw new LabError("invalid-option", `measure "${name}" is not available yet. Known: ${measures.join(", ")}`);
    if (!(measures as readonly string[]).includes(name)) throw unknownName("invalid-option", "measure", name, measures, later);
  }
  return list;
}
export interface Job {
  readonly internals: Internals;
  readonly windows: Windows;
  /** What kl and top1 compare with, if one of them is measured: a setting of the same weights, or a model of others. */
  readonly reference: NativeSetting | undefined;
  readonly other: Internals | undefined;
  /** The part that does not depend on the setting. */
  readonly provenance: Omit<Provenance, "policy" | "tokens">;
}

export async function prepare(
  model: Model,
  on: Corpus,
  options: { readonly measure: readonly Measure[]; readonly reference?: Model | undefined; readonly window?: number | undefined },
  signal: AbortSignal | undefined,
): Promise<Job> {
  const internals = internalsOf(model);
  const { weights } = internals;
  if (options.measure.includes("predictor") && model.strategy !== "predicted") {
    throw new LabError(
      "invalid-option",
      `measure "predictor" is of strategy "predicted"; this view's is "${model.strategy}". Measure model.with({ strategy: "predicted" })`,
    );
  }
  const digest = await sha256Of(weights, signal);
  const reference = needsReference(options.measure) ? await referenceOf(options.reference, internals, digest, signal) : undefined;
  const size = windowSize(options.window, Math.min(internals.context, reference?.internals.context ?? internals.context));
  const windows = await windowsOf(on, internals.fileTokenizer.tokenizer, size, signal);
  return {
    internals,
    windows,
    reference: reference?.same ? reference.internals.native : undefined,
    other: reference?.same ? undefined : reference?.internals,
    provenance: {
      model: modelName(weights.table),
      sha256: digest,
      weights: weightTypes(weights.info)
        .map(([type]) => type)
        .join(", "),
      activation: model.activation.name,
      strategy: model.strategy,
      cutoff: model.cutoff,
      interventions: internals.setting.interventions.count,
      reference: reference ? referenceText(options.reference!, reference.same ? undefined : reference.digest) : null,
      arithmetic: internals.setting.arithmetic ?? "float",
      kv: internals.setting.kv ?? "f32",
      corpus: on.name,
      corpusSha256: windows.sha256,
      window: windows.size,
      bos: windows.bos,
      device: weights.device.name,
      threads: internals.threads,
      version: packageInfo().version,
      date: new Date().toISOString(),
    },
  };
}

/** `exact`, or `predicted, cutoff 0.5` */
export const strategyText = ({ strategy, cutoff }: Pick<Provenance, "strategy" | "cutoff">): string =>
  cutoff === null ? strategy : `${strategy}, cutoff ${perLayerText(cutoff)}`;

/** A model of other weights is named with the beginning of its file's hash. */
const referenceText = (model: Model, digest: string | undefined) => {
  const { kv, arithmetic, interventions } = internalsOf(model).setting;
  const { count } = interventions;
  const changed = count > 0 ? `, ${count} interventions` : "";
  const file = digest === undefined ? "" : ` (sha256 ${digest.slice(0, 16)}…)`;
  return `${model.name}${file}, activation ${model.activation.name}, policy ${policyText(model.policy)}, strategy ${strategyText(model)}${arithmetic ? `, arithmetic ${arithmetic}` : ""}${kv ? `, KV cache ${kv}` : ""}${changed}`;
};

async function referenceOf(
  reference: Model | undefined,
  internals: Internals,
  digest: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly internals: Internals; readonly same: boolean; readonly digest: string }> {
  if (reference === undefined)
    throw new LabError("invalid-option", "kl and top1 compare with a reference: give { reference: model }");
  const other = internalsOf(reference);
  // A KV cache of another type, or another arithmetic, is a program of its own.
  const sameProgram = other.setting.kv === internals.setting.kv && other.setting.arithmetic === internals.setting.arithmetic;
  if (other.weights === internals.weights && sameProgram) return { internals: other, same: true, digest };
  const its = await sha256Of(other.weights, signal);
  if (its !== digest && !sameVocabulary(other, internals)) {
    throw new LabError(
      "invalid-option",
      `the reference ${reference.name} has another vocabulary than ${modelName(internals.weights.table)}: their distributions cannot be compared`,
    );
  }
  return { internals: other, same: its === digest && sameProgram, digest: its };
}

function sameVocabulary(a: Internals, b: Internals): boolean {
  if (a.weights.info.vocab !== b.weights.info.vocab) return false;
  const pieces = ({ weights }: Internals) => weights.table.metadata.get("tokenizer.ggml.tokens");
  const [its, own] = [pieces(a), pieces(b)];
  return (
    its?.type === "strings" &&
    own?.type === "strings" &&
    Buffer.compare(its.value.bytes, own.value.bytes) === 0 &&
    its.value.offsets.every((at, i) => at === own.value.offsets[i])
  );
}

/** Where the numbers of one setting come from. */
export const provenanceOf = ({ provenance }: Job, policy: Policy, tokens: number): Provenance => ({
  ...provenance,
  policy,
  tokens,
});

/** The settings of one batch: those measured, and after them the reference, unless it is one of these. */
export function withReference(
  settings: readonly NativeSetting[],
  reference: NativeSetting | undefined,
): { readonly settings: readonly NativeSetting[]; readonly reference: number } {
  if (!reference) return { settings, reference: -1 };
  const same = settings.findIndex((setting) => sameSetting(setting, reference));
  return same >= 0 ? { settings, reference: same } : { settings: [...settings, reference], reference: settings.length };
}
function sameSetting(a: NativeSetting, b: NativeSetting): boolean {
  const plain = (setting: NativeSetting) => setting.interventions.length === 0;
  const [p, q] = [inForce(a), inForce(b)];
  return (
    plain(a) &&
    plain(b) &&
    p.kind === q.kind &&
    a.strategy === b.strategy &&
    sameCutoff(a, b) &&
    p.t.every((t, i) => t === q.t[i])
  );
}
const sameCutoff = ({ cutoff: a }: NativeSetting, { cutoff: b }: NativeSetting) =>
  a === b || (a !== undefined && b !== undefined && a.every((value, l) => value === b[l]));
/** The policy fatrelu takes the activation's place. */
function inForce({ activation, t, policy }: NativeSetting): { readonly kind: string; readonly t: Float32Array } {
  return policy?.kind === "fatrelu" ? policy : { kind: activation, t };
}
