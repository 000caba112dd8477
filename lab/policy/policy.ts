/**
 * Policies: which neurons count as inactive, as data. They are small records that can be printed, stored and compared. Only here are they
 * turned into one threshold for each layer.
 */
import { checkOptions, LabError, unknownName } from "../errors.js";
import type { IsPlain, Loose, NotYet } from "../literals.js";
import { refusePromise } from "../promised.js";
import { received } from "../received.js";
import { floatText } from "../text.js";
import { laterPolicies, type PlannedPolicy, policyKinds } from "../vocabulary.js";

/** One number for all layers, or one for each. */
export type PerLayer = number | readonly number[];
/**
 * `as-trained` is the activation's own rule. On a ReLU-family activation `fatrelu` replaces the activation's own t
 * (t = 0 is ReLU): active is s >= t and s > 0. t < 0 is an error.
 */
export type Policy = { readonly kind: "as-trained"; readonly t?: undefined } | { readonly kind: "fatrelu"; readonly t: PerLayer };

/** A policy's record whose kind may be a plain string, as in `const policy = { kind: "fatrelu", t: 1 }`. */
export interface LoosePolicy {
  readonly kind: Loose<Policy["kind"]>;
  readonly t?: PerLayer;
}
/** P where it is a policy or its kind is a plain string, else `Policy`, so that the type error says what is wrong. */
export type CheckedPolicy<P extends LoosePolicy> =
  IsPlain<P["kind"]> extends true
    ? P
    : P extends Policy
      ? Exclude<keyof P, FieldsOf<P["kind"]>> extends never
        ? P
        : Policy
      : P["kind"] extends PlannedPolicy
        ? { readonly kind: NotYet<P["kind"]> }
        : Policy;
/** The option `policy`. A union, since TypeScript would infer only one of several kinds of policy from `policy?: CheckedPolicy<P>`. */
export type PolicyOption<P extends LoosePolicy> = { policy?: undefined } | { policy: CheckedPolicy<P> };
type FieldsOf<K extends string> = Policy extends infer Q ? (Q extends { readonly kind: K } ? keyof Q : never) : never;
/** A policy of type P in a result: copied and frozen. Every policy can be asked for its `t`. */
export type Setting<P extends LoosePolicy> = P extends unknown
  ? {
      readonly [K in keyof P]: P[K] extends number ? number : P[K] extends readonly number[] ? readonly number[] : P[K];
    } & ("t" extends keyof P ? unknown : { readonly t?: undefined })
  : never;

/** A policy of the vocabulary without a record in `Policy` does not compile. */
const kinds: readonly Policy["kind"][] = policyKinds;

/** Checks a policy without a model; returns a frozen copy. */
export function checkPolicy(policy: Policy): Policy {
  refusePromise("a policy", policy);
  const given = policy as { readonly kind?: unknown } | null;
  if (typeof given !== "object" || given === null || typeof given.kind !== "string") {
    throw new LabError(
      "invalid-option",
      `a policy is a record such as { kind: "fatrelu", t: 0.01 }, received ${received(policy)}`,
    );
  }
  if (Object.hasOwn(laterPolicies, given.kind)) {
    throw new LabError("invalid-option", `policy "${given.kind}" is not available yet. Known: ${kinds.join(", ")}`);
  }
  if (!(kinds as readonly string[]).includes(given.kind))
    throw unknownName("invalid-option", "policy", given.kind, kinds, Object.keys(laterPolicies));
  if (policy.kind === "as-trained") {
    checkOptions('policy "as-trained"', policy, policy.t === undefined ? ["kind", "t"] : ["kind"]);
    return Object.freeze({ kind: "as-trained" });
  }
  checkOptions('policy "fatrelu"', policy, ["kind", "t"]);
  const { t: values }: Extract<Policy, { kind: "fatrelu" }> = policy; // read once; another kind does not compile
  const t: PerLayer = Array.isArray(values) ? Object.freeze(Array.from(values as readonly number[])) : values;
  for (const value of Array.isArray(t) ? t : [t]) checkThreshold(value);
  return Object.freeze({ kind: "fatrelu", t });
}

/** FATReLU's t: a finite number >= 0. */
export function checkThreshold(t: unknown): void {
  if (typeof t !== "number" || !Number.isFinite(Math.fround(t)) || t < 0) {
    const why = Number.isFinite(t) && (t as number) > 0 ? ", which float32 cannot hold" : "";
    throw new LabError("invalid-option", `FATReLU's t must be a finite number >= 0, received ${received(t)}${why}`);
  }
}

/** One float32 for each layer. */
export function perLayer(t: PerLayer, layers: number, what = "t"): Float32Array {
  if (typeof t === "number") return new Float32Array(layers).fill(t);
  if (t.length !== layers) {
    throw new LabError(
      "invalid-option",
      `${what} has ${t.length} values for a model of ${layers} layers; give one number, or ${layers}`,
    );
  }
  return Float32Array.from(t);
}

/**
 * A FATReLU policy for each threshold, to sweep over.
 * @throws LabError invalid-option where a threshold is negative or not a number
 * @example
 * fatrelu(0, 0.01, 0.02); // three policies
 */
export function fatrelu(...t: readonly number[]): { readonly kind: "fatrelu"; readonly t: number }[] {
  return t.map((value) => checkPolicy({ kind: "fatrelu", t: value }) as { readonly kind: "fatrelu"; readonly t: number });
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
