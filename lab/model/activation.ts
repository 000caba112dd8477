/**
 * Which activation a model computes, and where that comes from: the caller's option, else the file's keys, else the rule for its container
 * and architecture. A wrong activation gives fluent nonsense or a slightly worse model, never an error. So the choice is always printed,
 * and where it cannot be known, loading fails until the caller chooses.
 *
 * Keys: `{arch}.hidden_activation` (string) and `sparselab.threshold` (float32, or one for each layer).
 * The rule of an architecture is in its description (native/architectures/): a GGUF llama computes SiLU, a PowerInfer (`PWRI`) llama ReLU,
 * gemma3 tanh GELU, arcee and nemotron the squared ReLU, bamboo ReLU (on up, too).
 */
import { LabError, unknownName } from "../errors.js";
import { architecture, fileName, modelName, perLayerNumbers, text } from "../metadata.js";
import type { FileTable } from "../native.js";
import { checkThreshold, type PerLayer, perLayer, perLayerText } from "../policy/policy.js";
import { floatText } from "../text.js";
import { type ActivationKind, activationFamily, activations } from "../vocabulary.js";

/** What the model computes. `fatrelu_0.03` is FATReLU with t = 0.03; `gelu` is the erf form, `relu2` the squared ReLU. */
export type Activation = ActivationKind | `fatrelu_${number}`;
/** Activations under which neurons are exactly zero for a large share of the tokens. */
export const isReluFamily = (kind: ActivationKind): boolean => activationFamily[kind] === "relu";

export interface ResolvedActivation {
  /** As printed: "silu", "relu", "fatrelu_0.03", or "fatrelu" with a threshold for each layer. */
  readonly name: Activation;
  readonly kind: ActivationKind;
  readonly t: PerLayer;
  readonly from: "option" | "file" | "architecture";
  /** Where it comes from, for the line that `load` prints: `the file's key llama.hidden_activation`. */
  readonly source: string;
  /** What the file or the rule gives instead, where the option overrules it. */
  readonly overrules?: string;
  /** Remarks for readers of results. */
  readonly notes: readonly string[];
}

/** An activation as an option or a key gives it. */
interface ActivationSpec {
  readonly kind: ActivationKind;
  /** Absent for `fatrelu` without a number. */
  readonly t?: PerLayer;
}

/** Other spellings that files have. */
const SPELLINGS: Readonly<Record<string, ActivationKind>> = {
  swish: "silu",
  swiglu: "silu",
  reglu: "relu",
  relu_squared: "relu2",
  gelu_pytorch_tanh: "gelu_tanh",
};

/** `relu`, `fatrelu_0.03`, ... Throws with the nearest known name. */
export function parseActivation(
  spelling: string,
  code: "invalid-option" | "bad-file" = "invalid-option",
  where = "activation",
): ActivationSpec {
  if (code === "bad-file" && Object.hasOwn(SPELLINGS, spelling)) return { kind: SPELLINGS[spelling]!, t: 0 };
  if ((activations as readonly string[]).includes(spelling)) {
    return spelling === "fatrelu" ? { kind: "fatrelu" } : { kind: spelling as ActivationKind, t: 0 };
  }
  const match = /^fatrelu_(.+)$/.exec(spelling);
  if (!match) throw unknownName(code, where, spelling, [...activations, "fatrelu_0.01"]);
  const t = Number(match[1]);
  if (match[1]!.trim() === "" || !Number.isFinite(t) || t < 0) {
    throw new LabError(code, `${where} "${spelling}": FATReLU's t must be a finite number >= 0, as in "fatrelu_0.03"`);
  }
  return { kind: "fatrelu", t };
}

const nameOf = ({ kind, t = 0 }: ActivationSpec): Activation =>
  kind !== "fatrelu" ? kind : typeof t === "number" ? (`fatrelu_${floatText(t)}` as Activation) : "fatrelu";
/** For people: also says where each layer has its own threshold. */
const describe = (of: ActivationSpec): string => (Array.isArray(of.t) ? `fatrelu with t = ${perLayerText(of.t)}` : nameOf(of));

/** The activation in the file's keys; undefined where it has none. */
function ofKeys(table: FileTable, layers: number): { readonly spec: ActivationSpec; readonly key: string } | undefined {
  const key = `${architecture(table)}.hidden_activation`;
  const name = text(table, key);
  const threshold = perLayerNumbers(table, "sparselab.threshold", layers);
  if (threshold !== undefined) {
    for (const t of typeof threshold === "number" ? [threshold] : threshold) {
      if (!Number.isFinite(t) || t < 0)
        throw new LabError("bad-file", `key "sparselab.threshold" of ${table.path} must be finite and >= 0, found ${t}`);
    }
    if (name === undefined) return { spec: { kind: "fatrelu", t: threshold }, key: "sparselab.threshold" };
  }
  if (name === undefined) return undefined;
  const spec = parseActivation(name, "bad-file", `value of key "${key}"`);
  if (spec.kind !== "fatrelu") {
    if (threshold !== undefined && perLayer(threshold, layers).some((t) => t !== 0)) {
      throw new LabError(
        "bad-file",
        `keys of ${table.path} contradict each other: "${key}" is "${name}", "sparselab.threshold" is ${perLayerText(threshold)}`,
      );
    }
    return { spec, key };
  }
  if (
    spec.t !== undefined &&
    threshold !== undefined &&
    perLayer(threshold, layers).some((t) => t !== Math.fround(spec.t as number))
  ) {
    throw new LabError(
      "bad-file",
      `keys of ${table.path} contradict each other: "${key}" is "${name}", "sparselab.threshold" is ${perLayerText(threshold)}`,
    );
  }
  const t = threshold ?? spec.t;
  if (t === undefined)
    throw new LabError(
      "bad-file",
      `"${key}" of ${table.path} is "fatrelu", but its threshold, the key "sparselab.threshold", is missing`,
    );
  return { spec: { kind: "fatrelu", t }, key };
}

function ruleOf(table: FileTable): { readonly kind: ActivationKind; readonly rule: string } {
  if (table.defaultActivation) return table.defaultActivation;
  const name = architecture(table);
  throw new LabError("unsupported-model", `${fileName(table)}: the activation of architecture "${name}" is not known`);
}

/** Chooses the activation. */
export function resolveActivation(table: FileTable, layers: number, option?: Activation): ResolvedActivation {
  // 1. The three sources.
  const chosen = option === undefined ? undefined : parseActivation(option);
  const keys = ofKeys(table, layers);
  const { kind, rule: ruleText } = ruleOf(table);
  const rule: ActivationSpec = { kind, t: 0 };
  const modelNames = `${modelName(table)} ${fileName(table)}`;

  // 2. Refuse a guess, and an option of another family than the file's key.
  if (chosen === undefined && keys === undefined && !isReluFamily(kind)) {
    const hint = /prosparse|relu|minicpm-s(?![a-z])/i.exec(modelNames);
    if (hint) {
      throw new LabError(
        "invalid-option",
        `${fileName(table)}: a GGUF file of architecture ${architecture(table)} computes ${kind === "silu" ? "SiLU" : kind} unless the key "${architecture(table)}.hidden_activation" says otherwise; this file has no such key, but its name contains "${hint[0]}". Choose: { activation: "relu" }, { activation: "fatrelu_0.01" } or { activation: "${kind}" } (--activation on the command line)`,
      );
    }
  }
  if (chosen !== undefined && keys !== undefined && activationFamily[chosen.kind] !== activationFamily[keys.spec.kind]) {
    throw new LabError(
      "invalid-option",
      `activation "${option}" belongs to another family than ${describe(keys.spec)}, which ${fileName(table)} has in its key "${keys.key}"; the weights were trained for that one. Omit the option, or choose one of its family: ${activations
        .filter((name) => activationFamily[name] === activationFamily[keys.spec.kind])
        .map((name) => (name === "fatrelu" ? "fatrelu_0.01" : name))
        .join(", ")}`,
    );
  }

  // 3. The first source that has one, with its thresholds.
  const spec = keys?.spec ?? rule;
  const force: ActivationSpec = chosen ?? spec;
  // "fatrelu" without a number takes the thresholds of the file.
  const t = force.t ?? (spec.kind === "fatrelu" ? spec.t : undefined);
  if (t === undefined) {
    throw new LabError(
      "invalid-option",
      `activation "fatrelu" needs its threshold, which ${fileName(table)} does not have; write it as in "fatrelu_0.03"`,
    );
  }
  for (const value of typeof t === "number" ? [t] : t) checkThreshold(value);
  const inForce: ActivationSpec = { kind: force.kind, t };
  const overruled =
    chosen !== undefined && describe(inForce) !== describe(spec)
      ? `${describe(spec)} (${keys ? `key ${keys.key}` : ruleText})`
      : undefined;
  return {
    name: nameOf(inForce),
    kind: inForce.kind,
    t: typeof t === "number" ? t : Object.freeze([...t]),
    from: chosen !== undefined ? "option" : keys ? "file" : "architecture",
    source: chosen !== undefined ? "your option" : keys ? `the file's key ${keys.key}` : ruleText,
    ...(overruled === undefined ? {} : { overrules: overruled }),
    notes: notesFor(modelNames, inForce),
  };
}

function notesFor(modelNames: string, inForce: ActivationSpec): string[] {
  if (!/minicpm-s(?![a-z])/i.test(modelNames) || inForce.kind !== "relu") return [];
  return ['MiniCPM-S: the file was exported with ReLU; its authors mean FATReLU with t = 0.03: { activation: "fatrelu_0.03" }'];
}

/** `activation relu (from your option, which overrules silu (…))` */
export function activationText(activation: ResolvedActivation): string {
  const overrules = activation.overrules === undefined ? "" : `, which overrules ${activation.overrules}`;
  return `activation ${activation.name} (from ${activation.source}${overrules})`;
}
