/**
 * Interventions: what is changed while the model runs, as data, and their translation into what the executor knows. Shapes, positions and
 * neurons are checked here, with the model's own numbers in the message. Applied in order; the active list of a block is built after
 * those at its gate.
 */
import { checkOptions, LabError, unknownName } from "../errors.js";
import { type HookPoint, type ParsedHook, parseHook } from "../hooks.js";
import type { NativeIntervention, NativeModelInfo } from "../native.js";
import { refusePromise } from "../promised.js";
import type { Tensor } from "../tensor.js";
import { shapeText } from "../tensor-display.js";

/** tokens: positions in the whole sequence, from 0. neurons: of the points that have neurons. Absent: all. */
export interface Where {
  /** Default: all positions. */
  readonly tokens?: readonly number[];
  /** Default: all neurons. */
  readonly neurons?: readonly number[];
}
/** What is changed at a hook point while the model runs, as data: `ablate`, `steer` and `patch` make such records. */
export type Intervention =
  | { readonly at: HookPoint; readonly do: "zero"; readonly where?: Where }
  | { readonly at: HookPoint; readonly do: "scale"; readonly by: number; readonly where?: Where }
  /** Row p of `with` stands for position p of the sequence; later positions are left alone. */
  | { readonly at: HookPoint; readonly do: "replace"; readonly with: Tensor; readonly where?: Where }
  | {
      readonly at: HookPoint;
      readonly do: "add";
      readonly vector: Float32Array;
      readonly scale?: number;
      readonly where?: Where;
    };

/**
 * Sets a point to zero, everywhere or where `where` says: `ablate("blocks.3.ffn.mid", { neurons: [17] })`.
 * @defaultValue `where`: everywhere
 * @example
 * const off = model.with({ interventions: [ablate("blocks.3.ffn.mid", { neurons: [17] })] });
 */
export function ablate(at: HookPoint, where?: Where): Intervention {
  return { at, do: "zero", ...(where === undefined ? {} : { where }) };
}
/**
 * Adds a vector (times `scale`, default 1) at a point, to every token.
 * @param vector as many values as the point has channels (D hidden, or F neurons)
 * @defaultValue `scale`: 1
 * @example
 * const pushed = model.with({ interventions: [steer("blocks.2.resid_post", direction, 4)] });
 */
export function steer(at: HookPoint, vector: Float32Array, scale = 1): Intervention {
  refusePromise("steer", vector);
  return { at, do: "add", vector, scale };
}
/**
 * Puts the values of another run in place of this one's.
 * @param from row p stands for position p of the sequence; later positions are left alone
 * @defaultValue `where`: everywhere
 * @example
 * const patched = model.with({ interventions: [patch("blocks.3.resid_post", run.cache.get("blocks.3.resid_post"))] });
 */
export function patch(at: HookPoint, from: Tensor, where?: Where): Intervention {
  refusePromise("patch", from);
  return { at, do: "replace", with: from, ...(where === undefined ? {} : { where }) };
}

const kinds = ["zero", "scale", "replace", "add"];

export function compileInterventions(list: readonly Intervention[], info: NativeModelInfo): NativeIntervention[] {
  if (!Array.isArray(list))
    throw new LabError("invalid-option", 'interventions must be an array, as in [ablate("blocks.3.ffn.mid")]');
  return list.flatMap((one) => compile(one, info) ?? []);
}

/** Undefined where `where` names no place at all: nothing is changed then. */
function compile(one: Intervention, info: NativeModelInfo): NativeIntervention | undefined {
  const kind = (one as { readonly do?: unknown }).do;
  if (kind === "call")
    throw new LabError("invalid-option", `intervention "call" is not available yet; known: ${kinds.join(", ")}`);
  if (typeof kind !== "string" || !kinds.includes(kind)) throw unknownName("invalid-option", "intervention", String(kind), kinds);
  const hook = parseHook(one.at, info.layers);
  const width = widthOf(hook, info);
  const positions = positionsOf(one, hook);
  const channels = channelsOf(one, hook, width);
  if (positions?.length === 0 || channels?.length === 0) return undefined;
  const place = {
    point: hook.point,
    from: hook.from,
    to: hook.to,
    ...(positions && { positions }),
    ...(channels && { channels }),
  };
  switch (one.do) {
    case "zero":
      checkOptions('intervention "zero"', one, ["at", "do", "where"]);
      return { ...place, kind: "zero" };
    case "scale":
      checkOptions('intervention "scale"', one, ["at", "do", "by", "where"]);
      return { ...place, kind: "scale", factor: finite(`"by" of a scale at ${one.at}`, one.by) };
    case "add": {
      checkOptions('intervention "add"', one, ["at", "do", "vector", "scale", "where"]);
      if (!(one.vector instanceof Float32Array) || one.vector.length !== width) {
        const found = one.vector instanceof Float32Array ? `${one.vector.length} values` : typeof one.vector;
        throw new LabError(
          "invalid-option",
          `a vector added at ${one.at} must be a Float32Array of ${width} values, received ${found}`,
        );
      }
      return {
        ...place,
        kind: "add",
        factor: finite(`"scale" of an add at ${one.at}`, one.scale ?? 1),
        values: one.vector.slice(),
      };
    }
    case "replace":
      checkOptions('intervention "replace"', one, ["at", "do", "with", "where"]);
      return { ...place, kind: "replace", values: replacement(one.at, one.with, hook, width, positions) };
  }
}

export function widthOf(hook: ParsedHook, info: NativeModelInfo): number {
  return hook.width === "neuron" ? info.neurons : hook.width === "vocab" ? info.vocab : info.hidden;
}

function finite(what: string, value: number): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new LabError("invalid-option", `${what} must be a finite number, received ${value}`);
}

function positionsOf(one: Intervention, hook: ParsedHook): Int32Array | undefined {
  checkOptions(`where of an intervention at ${hook.name}`, one.where, ["tokens", "neurons"]);
  const tokens = one.where?.tokens;
  for (const token of tokens ?? []) {
    if (!Number.isInteger(token) || token < 0) {
      throw new LabError(
        "invalid-option",
        `where.tokens at ${hook.name} are positions in the whole sequence, whole numbers from 0; received ${token}`,
      );
    }
  }
  return tokens && Int32Array.from(tokens);
}

function channelsOf(one: Intervention, hook: ParsedHook, width: number): Int32Array | undefined {
  const neurons = one.where?.neurons;
  if (neurons === undefined) return undefined;
  if (hook.width !== "neuron") {
    throw new LabError(
      "invalid-option",
      `${hook.name} has no neurons; where.neurons goes with ffn.gate_pre, ffn.gate, ffn.up_pre, ffn.up and ffn.mid`,
    );
  }
  for (const neuron of neurons) {
    if (!Number.isInteger(neuron) || neuron < 0 || neuron >= width) {
      throw new LabError(
        "invalid-option",
        `where.neurons at ${hook.name}: a block has neurons 0 to ${width - 1}, received ${neuron}`,
      );
    }
  }
  return Int32Array.from(neurons);
}

function replacement(at: string, from: Tensor, hook: ParsedHook, width: number, positions: Int32Array | undefined): Float32Array {
  const dims = [...(hook.ranged ? ["layer"] : []), "token", hook.width];
  const layers = hook.to - hook.from;
  const sizes = dims.map((name) => from.size?.[name]);
  const fits = from.dims?.length === dims.length && dims.every((name, i) => from.dims[i] === name);
  if (!fits || sizes.at(-1) !== width || (hook.ranged && sizes[0] !== layers)) {
    const wanted = `${hook.ranged ? `layer ${layers} × ` : ""}token × ${hook.width} ${width}`;
    throw new LabError(
      "invalid-option",
      `a tensor put in place of ${at} must be ${wanted}, received ${from.dims ? shapeText(from) : typeof from}`,
    );
  }
  const rows = from.size.token ?? 0;
  for (const position of positions ?? []) {
    if (position >= rows)
      throw new LabError(
        "invalid-option",
        `where.tokens at ${at}: the tensor has rows for positions 0 to ${rows - 1}, received ${position}`,
      );
  }
  return from.data.slice();
}
