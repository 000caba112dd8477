/**
 * Hook points: the values of a forward pass that can be captured and changed, by name. Their types, and the parser of names.
 * Letters: T tokens, D hidden, F neurons, V vocabulary.
 */
import { LabError, nearest } from "./errors.js";
import { received } from "./received.js";
import {
  type Axis,
  type LayerPoint,
  type ModelPoint,
  type PointAxes,
  type PointName,
  type PointTraits,
  points,
} from "./vocabulary.js";

/** Residual stream before attention, between attention and FFN, after FFN. (T, D) */
export type ResidHook = Extract<LayerPoint, `resid_${string}`>;
/**
 * in: normed input (T, D); gate_pre = in·W_gate, gate = s = σ(gate_pre), up_pre = in·W_up, up (= up_pre in a llama),
 * mid = x₁ = s ⊙ up, all (T, F); out = mid·W_down (T, D). Without a gate: up_pre, and mid = σ(up_pre). add: what is added to the stream, which is out after a
 * norm or a scale, where the model has one: resid_mid + add = resid_post, bit for bit. (T, D)
 */
export type FfnHook = Extract<LayerPoint, `ffn.${string}`>;
/**
 * q, k after their norms and rotation and v as stored, (T, H or G, K); scores before and pattern after softmax, (H, query, key): a key that a
 * query does not see is -Infinity in scores and 0 in pattern; z = pattern·v, (T, H, K); out = z·W_O, (T, D). add: what attention adds to the stream: resid_pre + add = resid_mid, bit for bit. (T, D)
 */
export type AttnHook = Extract<LayerPoint, `attn.${string}`>;
/** A point of one layer (which hook-point names call a block), of a range of layers (`blocks.0-3.…`) or of all (`blocks.*.…`). */
export type BlockHook = ResidHook | AttnHook | FfnHook;
export type Layers = number | "*" | `${number}-${number}`;
/** `blocks.*.ffn.mid`, `blocks.0-7.resid_post` (both ends included), `embed`, `final_norm`, `logits`. */
export type HookPoint = ModelPoint | `blocks.${Layers}.${BlockHook}`;

type AxesOf<S extends string> = S extends keyof PointAxes ? PointAxes[S] : never;
/** The axes of a captured point. With `*` or a range, the first axis is the layer. A plain string may have any axes. */
export type HookDims<S extends string> = S extends HookPoint
  ? S extends `blocks.${infer L}.${infer P extends LayerPoint}`
    ? L extends "*" | `${number}-${number}`
      ? ["layer", ...AxesOf<P>]
      : AxesOf<P>
    : AxesOf<S>
  : readonly string[];
/** What `get` takes: a captured name, or one layer of a captured range. Where a plain string was captured, any name. */
export type Gettable<S extends string> = S extends HookPoint
  ? S | (S extends `blocks.${"*" | `${number}-${number}`}.${infer R}` ? `blocks.${number}.${R}` : never)
  : HookPoint;

/** What a hook point's name is checked against: the model's layers, and the points that its FFN has. */
export interface ModelHooks {
  readonly layers: number;
  /** Default: all there are. */
  readonly points?: readonly PointName[];
}

const named = ({ name, scope }: PointTraits): HookPoint => (scope === "layer" ? `blocks.*.${name}` : name) as HookPoint;
const pointsOf = ({ points: own }: Pick<ModelHooks, "points"> = {}): readonly PointTraits[] =>
  own ? points.filter(({ name }) => own.includes(name)) : points;

/** Every hook point of a model, layers as `*`, in the order in which they are computed. */
export function hookPoints(model?: Pick<ModelHooks, "points">): readonly HookPoint[] {
  return pointsOf(model).map(named);
}

export interface ParsedHook {
  readonly name: string;
  readonly point: PointName;
  /** Layers from <= l < to; 0 to 1 for a point of the whole model. */
  readonly from: number;
  readonly to: number;
  /** Given with `*` or a range: its tensor has the layer as first axis. */
  readonly ranged: boolean;
  /** The axis of its channels. */
  readonly width: Axis;
  /** All axes of one layer. */
  readonly axes: readonly Axis[];
}

/** A hook point's name, checked against a model. Throws `unknown-hook-point` with the nearest name. */
export function parseHook(name: string, model: ModelHooks): ParsedHook {
  if (typeof name !== "string") {
    throw new LabError(
      "unknown-hook-point",
      `a hook point is a name such as "blocks.3.ffn.mid", received ${received(name)}. Known: ${hookPoints(model).join(", ")}`,
    );
  }
  const match = /^blocks\.([^.]*)\.(.+)$/.exec(name);
  const [where, own] = match ? [match[1]!, match[2]!] : [undefined, name];
  const found = points.find((point) => point.name === own && (point.scope === "layer") === (where !== undefined));
  if (!found) throw unknown(name, where, own, model);
  if (!pointsOf(model).includes(found)) {
    throw new LabError(
      "unknown-hook-point",
      `hook point "${name}": this model's FFN has no ${found.needs ?? "such part"}, so "${own}" does not exist in it. It has ${hookPoints(model).join(", ")}`,
    );
  }
  if (where === undefined)
    return { name, point: found.name, from: 0, to: 1, ranged: false, width: found.axes.at(-1)!, axes: found.axes };
  const range = layersOf(name, where, model.layers);
  return {
    name,
    point: found.name,
    ...range,
    ranged: where === "*" || where.includes("-"),
    width: found.axes.at(-1)!,
    axes: found.axes,
  };
}

/** "*", "3" or "0-7" as layers from <= l < to. */
function layersOf(name: string, where: string, layers: number): { readonly from: number; readonly to: number } {
  const range =
    where === "*"
      ? [0, layers - 1]
      : (/^(0|[1-9]\d*)(?:-(0|[1-9]\d*))?$/.exec(where)?.slice(1) ?? []).filter((n) => n !== undefined).map(Number);
  const from = range[0];
  const last = range[1] ?? from;
  if (from === undefined || last === undefined || from > last || last >= layers) {
    throw new LabError(
      "unknown-hook-point",
      `hook point "${name}": "${where}" names no layers of this model; write a number from 0 to ${layers - 1}, a range such as "0-${layers - 1}", or "*"`,
    );
  }
  return { from, to: last + 1 };
}

function unknown(name: string, where: string | undefined, own: string, model: ModelHooks): LabError {
  // "block.3.ffn.mid", "layers.3.ffn.mid" and "blk.3.ffn.mid" mean layer 3; "ffn.mid" alone means that point of the layers.
  const layered = /^[a-z.]*(\*|\d+(?:-\d+)?)\.(.+)$/i.exec(name);
  const layer = where ?? layered?.[1] ?? "*";
  const wanted = where === undefined && layered ? layered[2]! : own;
  const full = new Map(
    pointsOf(model).map(({ name: point, scope }) => [point as string, scope === "layer" ? `blocks.${layer}.${point}` : point]),
  );
  const near = full.get(nearest(wanted, [...full.keys()]) ?? "");
  const hint = near ? ` Did you mean "${near}"?` : "";
  return new LabError("unknown-hook-point", `unknown hook point "${name}".${hint} Known: ${hookPoints(model).join(", ")}`);
}
