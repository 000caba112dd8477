/**
 * Policies: which neurons count as inactive, as data. Small records that are printed, stored and compared; what they mean for a model
 * (one threshold for each block) is worked out here and nowhere else.
 */
import { checkOptions, LabError, unknownName } from "../errors.js";
import { received } from "../received.js";

/** One number for all blocks, or one for each. */
export type PerLayer = number | readonly number[];
/**
 * `as-trained` is the activation's own rule. On a ReLU-family activation `fatrelu` replaces the activation's own t
 * (t = 0 is ReLU): active is s >= t and s > 0. t < 0 is an error.
 */
export type Policy = { readonly kind: "as-trained" } | { readonly kind: "fatrelu"; readonly t: PerLayer };

const kinds = ["as-trained", "fatrelu"];
/** Kinds of the design that the executor does not have yet. */
const later = ["magnitude", "top-k", "top-p", "gaussian-top-k", "weighted", "cett", "cats", "teal"];

/** Checks a policy's form, whatever the model; returns it frozen, its arrays copied. */
export function checkPolicy(policy: Policy): Policy {
  const given = policy as { readonly kind?: unknown } | null;
  if (typeof given !== "object" || given === null || typeof given.kind !== "string") {
    throw new LabError(
      "invalid-option",
      `a policy is a record such as { kind: "fatrelu", t: 0.01 }, received ${received(policy)}`,
    );
  }
  if (later.includes(given.kind)) {
    throw new LabError("invalid-option", `policy "${given.kind}" is not available yet. Known: ${kinds.join(", ")}`);
  }
  if (!kinds.includes(given.kind)) throw unknownName("invalid-option", "policy", given.kind, kinds);
  if (policy.kind === "as-trained") {
    checkOptions('policy "as-trained"', policy, ["kind"]);
    return Object.freeze({ kind: "as-trained" });
  }
  checkOptions('policy "fatrelu"', policy, ["kind", "t"]);
  const { t: values } = policy; // read once
  const t: PerLayer = Array.isArray(values) ? Object.freeze(Array.from(values as readonly number[])) : values;
  for (const value of Array.isArray(t) ? t : [t]) checkThreshold(value);
  return Object.freeze({ kind: "fatrelu", t });
}

/** FATReLU's t: a finite number >= 0. */
export function checkThreshold(t: unknown): void {
  if (typeof t !== "number" || !Number.isFinite(t) || t < 0) {
    throw new LabError("invalid-option", `FATReLU's t must be a finite number >= 0, received ${received(t)}`);
  }
}

/** One float32 for each block. */
export function perLayer(t: PerLayer, layers: number, what = "t"): Float32Array {
  if (typeof t === "number") return new Float32Array(layers).fill(t);
  if (t.length !== layers) {
    throw new LabError(
      "invalid-option",
      `${what} has ${t.length} values for a model of ${layers} blocks; give one number, or ${layers}`,
    );
  }
  return Float32Array.from(t);
}

/** FATReLU at each of these thresholds: what a sweep goes over. `fatrelu(0, 0.01, 0.02)` */
export function fatrelu(...t: readonly number[]): Policy[] {
  return t.map((value) => checkPolicy({ kind: "fatrelu", t: value }));
}

/** The shortest decimal that is this float32: 0.029999999329447746 -> "0.03". */
export function floatText(value: number): string {
  const float = Math.fround(value);
  for (let digits = 1; digits <= 9; digits++) {
    const text = float.toPrecision(digits);
    if (Math.fround(Number(text)) === float) return String(Number(text));
  }
  return String(value);
}

/** `as-trained`, `t = 0.01`, `t = 0.01 to 0.2 by layer` */
export function policyText(policy: Policy): string {
  return policy.kind === "as-trained" ? "as-trained" : `t = ${perLayerText(policy.t)}`;
}
export function perLayerText(t: PerLayer): string {
  if (typeof t === "number") return floatText(t);
  const [least, most] = [Math.min(...t), Math.max(...t)];
  return least === most ? floatText(least) : `${floatText(least)} to ${floatText(most)} by layer`;
}
