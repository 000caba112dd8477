/**
 * Interventions: changes to values while the model runs, as data, and their translation for the executor. Shapes, positions and neurons are
 * checked here, with the model's numbers in the message. They apply in order; a layer's active list is built after those at its gate.
 *
 * They are copied once, when they are passed: vectors and tensors into native memory, which JavaScript cannot change, and every view, sweep
 * and program shares that copy. `model.interventions` returns a new copy.
 */
import { checkOptions, LabError, unknownName } from "../errors.js";
import { type HookPoint, type ParsedHook, parseHook } from "../hooks.js";
import type { Checked, IsPlain, Loose } from "../literals.js";
import { callNativeSync, type NativeIntervention, type NativeModelInfo, type NativeValues } from "../native.js";
import { refusePromise } from "../promised.js";
import { received } from "../received.js";
import { headsOf, isByKey, widthOf } from "../runtime/captures.js";
import { checkMemory } from "../runtime/memory.js";
import { keepThrown } from "../runtime/thrown.js";
import { type Tensor, tensor } from "../tensor.js";
import { interventionKinds, laterInterventions } from "../vocabulary.js";

/** Where an intervention applies. A position or neuron that is listed twice counts once. */
export interface Where {
  /** Positions in the whole sequence, from 0. Default: all. */
  readonly tokens?: readonly number[];
  /** Neurons, at points that have neurons. Default: all. */
  readonly neurons?: readonly number[];
  /** Heads, at points of attention that have heads; of attn.k and attn.v, their own, which query heads share. Default: all. */
  readonly heads?: readonly number[];
}
/** A change to the values at a hook point while the model runs, as data. `ablate`, `steer` and `patch` make such records. */
export type Intervention<At extends string = HookPoint> =
  | { readonly at: At; readonly do: "zero"; readonly where?: Where }
  | { readonly at: At; readonly do: "scale"; readonly by: number; readonly where?: Where }
  /** Row p of `with` replaces position p of the sequence; later positions do not change. */
  | { readonly at: At; readonly do: "replace"; readonly with: Tensor; readonly where?: Where }
  | {
      readonly at: At;
      readonly do: "add";
      readonly vector: Float32Array;
      readonly scale?: number;
      readonly where?: Where;
    }
  /**
   * Calls a function with the values of each token (width), which it changes in place. Slow: the executor waits for JavaScript at each row.
   * Tokens of a pass come in order. The layer of a point of the whole model is 0. Not at attn.scores and attn.pattern.
   */
  | { readonly at: At; readonly do: "call"; readonly fn: InterventionFunction };
/** Changes x in place. */
export type InterventionFunction = (x: Float32Array, at: { readonly layer: number; readonly token: number }) => void;

/** An intervention's record in which `at` and `do` may be plain strings. */
export interface LooseIntervention {
  readonly at: Loose<HookPoint>;
  readonly do: Loose<Intervention["do"]>;
  readonly by?: number;
  readonly with?: Tensor;
  readonly vector?: Float32Array;
  readonly scale?: number;
  readonly where?: Where;
  readonly fn?: InterventionFunction;
}
/** I where its literals make an intervention, else `Intervention`, so that the type error says what is wrong. */
export type CheckedIntervention<I extends LooseIntervention> = I extends unknown
  ? IsPlain<I["do"]> extends true
    ? I["at"] extends Checked<I["at"], HookPoint>
      ? I
      : Intervention
    : I extends Intervention<IsPlain<I["at"]> extends true ? string : HookPoint>
      ? I
      : Intervention
  : never;

/**
 * Sets a point to zero, everywhere or where `where` says: `ablate("blocks.3.ffn.mid", { neurons: [17] })`.
 * @defaultValue `where`: everywhere
 * @example
 * const off = model.with({ interventions: [ablate("blocks.3.ffn.mid", { neurons: [17] })] });
 */
export function ablate<const S extends Loose<HookPoint>>(at: Checked<S, HookPoint>, where?: Where): Intervention {
  return { at: at as HookPoint, do: "zero", ...(where === undefined ? {} : { where }) };
}
/**
 * Adds a vector (times `scale`, default 1) at a point, to every token.
 * @param vector as many values as the point has channels (D hidden, or F neurons)
 * @defaultValue `scale`: 1
 * @example
 * const pushed = model.with({ interventions: [steer("blocks.2.resid_post", direction, 4)] });
 */
export function steer<const S extends Loose<HookPoint>>(
  at: Checked<S, HookPoint>,
  vector: Float32Array,
  scale = 1,
): Intervention {
  refusePromise("steer", vector);
  return { at: at as HookPoint, do: "add", vector, scale };
}
/**
 * Replaces the values at a point by those of another run.
 * @param from row p replaces position p of the sequence; later positions do not change
 * @defaultValue `where`: everywhere
 * @example
 * const patched = model.with({ interventions: [patch("blocks.3.resid_post", run.cache.get("blocks.3.resid_post"))] });
 */
export function patch<const S extends Loose<HookPoint>>(at: Checked<S, HookPoint>, from: Tensor, where?: Where): Intervention {
  refusePromise("patch", from);
  return { at: at as HookPoint, do: "replace", with: from, ...(where === undefined ? {} : { where }) };
}

/** A list of interventions as a view holds it. */
export interface Interventions {
  /** How many were given. */
  readonly count: number;
  /** For the executor: without those whose `where` is empty. */
  readonly native: readonly NativeIntervention[];
  /** `zero at blocks.3.ffn.mid`, one for each. */
  readonly names: readonly string[];
  /** As they were given, with fresh copies of their vectors and tensors. */
  list(): readonly Intervention[];
}
export const noInterventions: Interventions = { count: 0, native: [], names: [], list: () => Object.freeze([]) };

/** A checked intervention. `source` and `axes`: the values of its vector or tensor. */
interface CheckedOne {
  readonly given: Omit<Intervention, "vector" | "with">;
  readonly source?: Float32Array;
  readonly axes?: { readonly dims: readonly string[]; readonly sizes: readonly number[] };
  /** Absent where `where` is empty: nothing changes then. */
  readonly native?: Omit<NativeIntervention, "values">;
}

/** Checks and copies a list. @throws LabError invalid-option, unknown-hook-point, out-of-memory (before anything is copied) */
export function takeInterventions(list: unknown, info: NativeModelInfo): Interventions {
  if (!Array.isArray(list)) {
    throw new LabError(
      "invalid-option",
      `interventions must be an array, as in [ablate("blocks.3.ffn.mid")], received ${received(list)}`,
    );
  }
  const checked = Array.from(list as readonly unknown[], (one, i) => check(one, i, info));
  // An array that several interventions share is copied once.
  const sources = new Set(checked.flatMap(({ source }) => source ?? []));
  checkMemory(
    [{ what: "copies of the interventions' values", bytes: [...sources].reduce((sum, { byteLength }) => sum + byteLength, 0) }],
    "Patch fewer layers or fewer tokens",
  );
  const kept = new Map([...sources].map((source) => [source, callNativeSync((addon) => addon.keepValues(source))]));
  const entries = checked.map(({ source, ...one }) => ({ ...one, values: source && kept.get(source)! }));
  return {
    count: entries.length,
    native: entries.flatMap(({ native, values }) => (native ? [{ ...native, ...(values && { values }) }] : [])),
    names: entries.map(({ given }) => `${given.do} at ${given.at}`),
    list: () => Object.freeze(entries.map(({ given, axes, values }) => listed(given, axes, values))),
  };
}

function listed(given: CheckedOne["given"], axes: CheckedOne["axes"], values: NativeValues | undefined): Intervention {
  if (!values) return given as Intervention;
  const copy = callNativeSync((addon) => addon.copyValues(values));
  return Object.freeze({
    ...given,
    ...(axes ? { with: tensor(copy, axes.dims, axes.sizes) } : { vector: copy }),
  }) as Intervention;
}

function check(one: unknown, i: number, info: NativeModelInfo): CheckedOne {
  // 1. The kind of record.
  if (typeof one !== "object" || one === null || Array.isArray(one)) {
    throw new LabError(
      "invalid-option",
      `intervention ${i} must be a record such as ablate("blocks.3.ffn.mid") gives, received ${received(one)}`,
    );
  }
  // Each property is read once, so that the checked value is the one that is used.
  const { at, do: kind, by, scale, vector, with: from, where, fn } = one as Record<string, unknown>;
  if (typeof kind === "string" && Object.hasOwn(laterInterventions, kind))
    throw new LabError("invalid-option", `intervention "${kind}" is not available yet; known: ${interventionKinds.join(", ")}`);
  if (typeof kind !== "string")
    throw new LabError(
      "invalid-option",
      `"do" of intervention ${i} must be one of ${interventionKinds.join(", ")}, received ${received(kind)}`,
    );
  if (!(interventionKinds as readonly string[]).includes(kind))
    throw unknownName("invalid-option", "intervention", kind, interventionKinds, Object.keys(laterInterventions));
  // 2. The place, which all kinds have.
  const hook = parseHook(at as string, info);
  const width = widthOf(hook, info);
  const place = placeOf(where, hook, info);
  const touches = place.tokens?.length !== 0 && place.neurons?.length !== 0 && place.heads?.length !== 0;
  const given = { at: hook.name as HookPoint, ...(place.where && { where: place.where }) };
  const native = {
    point: hook.point,
    from: hook.from,
    to: hook.to,
    ...(place.tokens && { positions: Int32Array.from(place.tokens) }),
    ...(place.neurons && { channels: Int32Array.from(place.neurons) }),
    ...(place.heads && { channels: channelsOf(place.heads, hook, info) }),
  };
  const made = (
    record: object,
    what: Pick<NativeIntervention, "kind"> & Partial<Pick<NativeIntervention, "factor" | "call">>,
    rest: Pick<CheckedOne, "source" | "axes"> = {},
  ): CheckedOne => ({
    given: Object.freeze({ ...given, ...record }) as CheckedOne["given"],
    ...rest,
    ...(touches && { native: { ...native, ...what } }),
  });
  // 3. The fields of its kind.
  if (isByKey(hook) && kind !== "zero" && kind !== "scale") {
    throw new LabError(
      "invalid-option",
      `intervention "${kind}" is not available at ${hook.name}; "zero" and "scale" are. Change attn.q, attn.k or attn.z instead`,
    );
  }
  switch (kind) {
    case "zero":
      checkOptions('intervention "zero"', one, ["at", "do", "where"]);
      return made({ do: kind }, { kind });
    case "scale": {
      checkOptions('intervention "scale"', one, ["at", "do", "by", "where"]);
      const factor = finite(`"by" of a scale at ${hook.name}`, by);
      return made({ do: kind, by: factor }, { kind, factor });
    }
    case "call": {
      checkOptions('intervention "call"', one, ["at", "do", "fn"]);
      if (typeof fn !== "function") {
        throw new LabError(
          "invalid-option",
          `fn of a call at ${hook.name} must be a function such as (x, { layer, token }) => { x[0] = 0 }, received ${received(fn)}`,
        );
      }
      return made({ do: kind, fn }, { kind, call: guarded(fn as InterventionFunction, hook) });
    }
    case "add": {
      checkOptions('intervention "add"', one, ["at", "do", "vector", "scale", "where"]);
      if (!(vector instanceof Float32Array) || vector.length !== width) {
        const found = vector instanceof Float32Array ? `${vector.length} values` : received(vector);
        throw new LabError(
          "invalid-option",
          `a vector added at ${hook.name} must be a Float32Array of ${width} values, received ${found}`,
        );
      }
      const odd = vector.findIndex((value) => !Number.isFinite(value));
      if (odd >= 0)
        throw new LabError(
          "invalid-option",
          `a vector added at ${hook.name} must be finite, received ${vector[odd]} at index ${odd}`,
        );
      const factor = finite(`"scale" of an add at ${hook.name}`, scale ?? 1);
      return made({ do: kind, scale: factor }, { kind, factor }, { source: vector });
    }
    default: {
      checkOptions('intervention "replace"', one, ["at", "do", "with", "where"]);
      return made({ do: kind }, { kind: "replace" }, replacement(from, hook, info, width, place.tokens));
    }
  }
}

function finite(what: string, value: unknown): number {
  if (typeof value === "number" && Number.isFinite(Math.fround(value))) return value;
  const beyond = typeof value === "number" && Number.isFinite(value) ? " (the executor computes in float32)" : "";
  throw new LabError("invalid-option", `${what} must be a finite number${beyond}, received ${received(value)}`);
}

interface Place {
  readonly where?: Where;
  readonly tokens?: readonly number[];
  readonly neurons?: readonly number[];
  readonly heads?: readonly number[];
}

function placeOf(given: unknown, hook: ParsedHook, info: NativeModelInfo): Place {
  if (given === undefined) return {};
  checkOptions(`where of an intervention at ${hook.name}`, given, ["tokens", "neurons", "heads"]);
  const { tokens: positions, neurons: channels, heads: which } = given as Where;
  const tokens = numbers(positions, info.context, `where.tokens at ${hook.name}`, "positions in the whole sequence");
  if (channels !== undefined && hook.width !== "neuron") {
    throw new LabError(
      "invalid-option",
      `${hook.name} has no neurons; where.neurons goes with ffn.gate_pre, ffn.gate, ffn.up_pre, ffn.up and ffn.mid`,
    );
  }
  const neurons = numbers(channels, info.neurons, `where.neurons at ${hook.name}`, "neurons of a layer");
  if (which !== undefined && !hook.axes.includes("head")) {
    throw new LabError(
      "invalid-option",
      `${hook.name} has no heads; where.heads goes with attn.q, attn.k, attn.v, attn.scores, attn.pattern and attn.z`,
    );
  }
  const heads = numbers(which, headsOf(hook, info), `where.heads at ${hook.name}`, "heads of this point");
  const place = { ...(tokens && { tokens }), ...(neurons && { neurons }), ...(heads && { heads }) };
  return { ...place, where: Object.freeze(place) };
}

/** The channels of heads; of scores and pattern, the heads themselves. */
function channelsOf(heads: readonly number[], hook: ParsedHook, info: NativeModelInfo): Int32Array {
  if (isByKey(hook)) return Int32Array.from(heads);
  return Int32Array.from(heads.flatMap((head) => Array.from({ length: info.headSize }, (_, c) => head * info.headSize + c)));
}

/** The caller's function as the executor calls it: what goes wrong in it becomes the code and the message of an error. */
function guarded(fn: InterventionFunction, hook: ParsedHook): NonNullable<NativeIntervention["call"]> {
  return (x, layer, token) => {
    const name = hook.name.startsWith("blocks.") ? `blocks.${layer}.${hook.point}` : hook.name;
    const where = `the function called at ${name} for token ${token}`;
    const width = x.length;
    let result: unknown;
    try {
      result = fn(x, { layer, token });
    } catch (error) {
      // The executor's message holds a few hundred bytes.
      const message = `${where} threw: ${(error instanceof Error ? error.message : received(error)).slice(0, 160)}`;
      keepThrown(message, error);
      return `invalid-option\n${message}`;
    }
    if (typeof (result as { then?: unknown } | null | undefined)?.then === "function") {
      void Promise.resolve(result).catch(() => undefined);
      return `invalid-option\n${where} returned a promise; the executor waits for it to return, so it must not be async`;
    }
    if (x.length !== width) return `invalid-option\n${where} gave its array of ${width} values away; change the values in place`;
    if (result !== x && (Array.isArray(result) || ArrayBuffer.isView(result))) {
      const { length } = result as ArrayLike<number>;
      return `invalid-option\n${where} returned an array of ${length} values, which is not used; change the ${width} values of x in place`;
    }
    const odd = x.findIndex((value) => !Number.isFinite(value));
    return odd < 0 ? "" : `not-finite\n${where} set value ${odd} to ${x[odd]}; expected finite numbers`;
  };
}

/** A copy of a list of whole numbers from 0 to `count` - 1, each once. */
function numbers(list: unknown, count: number, where: string, what: string): readonly number[] | undefined {
  if (list === undefined) return undefined;
  const typed = ArrayBuffer.isView(list) && !(list instanceof DataView);
  if (!Array.isArray(list) && !typed) {
    throw new LabError("invalid-option", `${where} must be an array of ${what}, received ${received(list)}`);
  }
  const copy = Array.from(list as ArrayLike<unknown>);
  for (const value of copy) {
    if (Number.isInteger(value) && (value as number) >= 0 && (value as number) < count) continue;
    throw new LabError(
      "invalid-option",
      `${where}: ${what} are whole numbers from 0 to ${count - 1}, received ${received(value)}`,
    );
  }
  return Object.freeze([...new Set(copy as number[])]);
}

function replacement(
  given: unknown,
  hook: ParsedHook,
  info: NativeModelInfo,
  width: number,
  tokens: readonly number[] | undefined,
): Required<Pick<CheckedOne, "source" | "axes">> {
  const dims: string[] = [...(hook.ranged ? ["layer"] : []), ...hook.axes];
  const heads = hook.axes.includes("head") ? headsOf(hook, info) : undefined;
  const lastSize = width / (heads ?? 1);
  const tokenAxis = hook.ranged ? 1 : 0;
  const { data, dims: its, size } = (given ?? {}) as Partial<Tensor>;
  const layers = hook.to - hook.from;
  const named = Array.isArray(its) && its.every((name) => typeof name === "string") && typeof size === "object" && size !== null;
  const sizes = dims.map((name) => {
    const n = named ? (size as Record<string, unknown>)[name] : undefined;
    return Number.isInteger(n) ? (n as number) : Number.NaN;
  });
  const fits = named && its.length === dims.length && dims.every((name, i) => its[i] === name);
  const whole = data instanceof Float32Array && sizes.reduce((product, n) => product * n, 1) === data.length;
  if (
    !fits ||
    !whole ||
    sizes.at(-1) !== lastSize ||
    (heads !== undefined && sizes.at(-2) !== heads) ||
    (hook.ranged && sizes[0] !== layers) ||
    !(sizes[tokenAxis]! >= 1)
  ) {
    const wanted = `${hook.ranged ? `layer ${layers} × ` : ""}token × ${heads === undefined ? "" : `head ${heads} × `}${hook.width} ${lastSize}`;
    const found = named
      ? its.map((name) => `${name} ${received((size as Record<string, unknown>)[name])}`).join(" × ")
      : received(given);
    throw new LabError("invalid-option", `a tensor put in place of ${hook.name} must be ${wanted}, received ${found}`);
  }
  const rows = sizes[tokenAxis]!;
  for (const position of tokens ?? []) {
    if (position >= rows)
      throw new LabError(
        "invalid-option",
        `where.tokens at ${hook.name}: the tensor has rows for positions 0 to ${rows - 1}, received ${position}`,
      );
  }
  return { source: data, axes: { dims, sizes } };
}
