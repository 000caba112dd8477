/**
 * Which activation a model computes, and who says so: the caller's option, else the file's own keys, else the rule of its container and
 * architecture. The wrong one gives fluent nonsense or a slightly worse model, never an error, so the choice is always stated, and where
 * it cannot be known the load is refused until the caller chooses.
 *
 * Keys: `{arch}.hidden_activation` (string) and `sparselab.threshold` (float32, or one for each layer).
 * Rules: a PowerInfer (`PWRI`) llama computes ReLU; a GGUF llama computes SiLU.
 */
import { LabError, unknownName } from "../errors.js";
import { architecture, fileName, modelName, perLayerNumbers, text } from "../metadata.js";
import type { FileTable, NativeActivation } from "../native.js";
import { checkThreshold, type PerLayer, perLayer, perLayerText } from "../policy/policy.js";
import { floatText } from "../text.js";

/** What the model computes. `fatrelu_0.03` is FATReLU with t = 0.03; `gelu` is the erf form, `relu2` the squared ReLU. */
export type Activation = NativeActivation | `fatrelu_${number}`;
const names: readonly NativeActivation[] = ["silu", "gelu", "gelu_tanh", "relu", "relu2", "fatrelu"];
/** Neurons of these are exactly zero for a large share of tokens. */
const reluFamily: readonly NativeActivation[] = ["relu", "relu2", "fatrelu"];
export const isReluFamily = (kind: NativeActivation): boolean => reluFamily.includes(kind);
const family = (kind: NativeActivation): string => (isReluFamily(kind) ? "relu" : kind.startsWith("gelu") ? "gelu" : kind);

export interface ResolvedActivation {
  /** As it is printed: "silu", "relu", "fatrelu_0.03", or "fatrelu" with a threshold for each layer. */
  readonly name: Activation;
  readonly kind: NativeActivation;
  readonly t: PerLayer;
  readonly from: "option" | "file" | "architecture";
  /** Why, for the line that `load` prints: `the file's key llama.hidden_activation`. */
  readonly source: string;
  /** What the file or the rule says instead, where the option overrules it. */
  readonly overrules?: string;
  /** What a reader of results should know besides. */
  readonly notes: readonly string[];
}

interface Spelled {
  readonly kind: NativeActivation;
  /** Absent where `fatrelu` stands without its number. */
  readonly t?: PerLayer;
}

/** `relu`, `fatrelu_0.03`, ... Throws with the nearest known name. */
export function parseActivation(
  spelling: string,
  code: "invalid-option" | "bad-file" = "invalid-option",
  where = "activation",
): Spelled {
  if ((names as readonly string[]).includes(spelling)) {
    return spelling === "fatrelu" ? { kind: "fatrelu" } : { kind: spelling as NativeActivation, t: 0 };
  }
  const match = /^fatrelu_(.+)$/.exec(spelling);
  if (!match) throw unknownName(code, where, spelling, [...names, "fatrelu_0.01"]);
  const t = Number(match[1]);
  if (match[1]!.trim() === "" || !Number.isFinite(t) || t < 0) {
    throw new LabError(code, `${where} "${spelling}": FATReLU's t must be a finite number >= 0, as in "fatrelu_0.03"`);
  }
  return { kind: "fatrelu", t };
}

const spelled = ({ kind, t = 0 }: Spelled): Activation =>
  kind !== "fatrelu" ? kind : typeof t === "number" ? (`fatrelu_${floatText(t)}` as Activation) : "fatrelu";
/** For people: a threshold by layer is named as such. */
const said = (of: Spelled): string => (Array.isArray(of.t) ? `fatrelu with t = ${perLayerText(of.t)}` : spelled(of));

/** What the file's own keys say, or undefined where it has none. */
function ofKeys(table: FileTable, layers: number): { readonly says: Spelled; readonly key: string } | undefined {
  const key = `${architecture(table)}.hidden_activation`;
  const name = text(table, key);
  const threshold = perLayerNumbers(table, "sparselab.threshold", layers);
  if (threshold !== undefined) {
    for (const t of typeof threshold === "number" ? [threshold] : threshold) {
      if (!Number.isFinite(t) || t < 0)
        throw new LabError("bad-file", `key "sparselab.threshold" of ${table.path} must be finite and >= 0, found ${t}`);
    }
    if (name === undefined) return { says: { kind: "fatrelu", t: threshold }, key: "sparselab.threshold" };
  }
  if (name === undefined) return undefined;
  const says = parseActivation(name, "bad-file", `value of key "${key}"`);
  if (says.kind !== "fatrelu") {
    if (threshold !== undefined && perLayer(threshold, layers).some((t) => t !== 0)) {
      throw new LabError(
        "bad-file",
        `keys of ${table.path} contradict each other: "${key}" is "${name}", "sparselab.threshold" is ${perLayerText(threshold)}`,
      );
    }
    return { says, key };
  }
  if (
    says.t !== undefined &&
    threshold !== undefined &&
    perLayer(threshold, layers).some((t) => t !== Math.fround(says.t as number))
  ) {
    throw new LabError(
      "bad-file",
      `keys of ${table.path} contradict each other: "${key}" is "${name}", "sparselab.threshold" is ${perLayerText(threshold)}`,
    );
  }
  const t = threshold ?? says.t;
  if (t === undefined)
    throw new LabError(
      "bad-file",
      `"${key}" of ${table.path} is "fatrelu", but its threshold, key "sparselab.threshold", is missing`,
    );
  return { says: { kind: "fatrelu", t }, key };
}

/** The activation in force. `layers` is the number of layers. */
export function resolveActivation(table: FileTable, layers: number, option?: Activation): ResolvedActivation {
  const chosen = option === undefined ? undefined : parseActivation(option);
  const keys = ofKeys(table, layers);
  const rule: Spelled = table.magic === "PWRI" ? { kind: "relu", t: 0 } : { kind: "silu", t: 0 };
  const ruleText =
    table.magic === "PWRI"
      ? "the rule of PowerInfer files, which have no key for it"
      : "the rule of GGUF llama files without a key for it";
  const called = `${modelName(table)} ${fileName(table)}`;

  if (chosen === undefined && keys === undefined && table.magic === "GGUF") {
    const hint = /prosparse|relu|minicpm-s(?![a-z])/i.exec(called);
    if (hint) {
      throw new LabError(
        "invalid-option",
        `${fileName(table)}: a GGUF file of architecture ${architecture(table)} computes SiLU unless the key "${architecture(table)}.hidden_activation" says otherwise; this one has no key, but its name says "${hint[0]}". Choose: { activation: "relu" }, { activation: "fatrelu_0.01" } or { activation: "silu" } (--activation on the command line)`,
      );
    }
  }
  if (chosen !== undefined && keys !== undefined && family(chosen.kind) !== family(keys.says.kind)) {
    throw new LabError(
      "invalid-option",
      `activation "${option}" is of another family than ${said(keys.says)}, which ${fileName(table)} says in its key "${keys.key}"; the weights were trained for the latter. Omit the option, or choose one of its family: ${names
        .filter((name) => family(name) === family(keys.says.kind))
        .map((name) => (name === "fatrelu" ? "fatrelu_0.01" : name))
        .join(", ")}`,
    );
  }

  const says = keys?.says ?? rule;
  const force: Spelled = chosen ?? says;
  // "fatrelu" without a number takes the file's own thresholds.
  const t = force.t ?? (says.kind === "fatrelu" ? says.t : undefined);
  if (t === undefined) {
    throw new LabError(
      "invalid-option",
      `activation "fatrelu" needs its threshold, which ${fileName(table)} does not have; write it as in "fatrelu_0.03"`,
    );
  }
  for (const value of typeof t === "number" ? [t] : t) checkThreshold(value);
  const inForce: Spelled = { kind: force.kind, t };
  const overruled =
    chosen !== undefined && said(inForce) !== said(says) ? `${said(says)} (${keys ? `key ${keys.key}` : ruleText})` : undefined;
  return {
    name: spelled(inForce),
    kind: inForce.kind,
    t: typeof t === "number" ? t : Object.freeze([...t]),
    from: chosen !== undefined ? "option" : keys ? "file" : "architecture",
    source: chosen !== undefined ? "your option" : keys ? `the file's key ${keys.key}` : ruleText,
    ...(overruled === undefined ? {} : { overrules: overruled }),
    notes: notesFor(called, inForce),
  };
}

function notesFor(called: string, inForce: Spelled): string[] {
  if (!/minicpm-s(?![a-z])/i.test(called) || inForce.kind !== "relu") return [];
  return [
    'MiniCPM-S: ReLU is what the file was exported with; its authors mean FATReLU with t = 0.03: { activation: "fatrelu_0.03" }',
  ];
}

/** The activation's line: what is in force, where it came from, what it overrules. */
export function activationText(activation: ResolvedActivation): string {
  const overrules = activation.overrules === undefined ? "" : `, which overrules ${activation.overrules}`;
  return `activation ${activation.name} (from ${activation.source}${overrules})`;
}
