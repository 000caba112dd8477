/**
 * Hook points: the names of where one may look or touch, as types and as the parser that turns a name into what the executor knows.
 * Letters: T tokens, D hidden, F neurons, V vocabulary.
 */
import { LabError, nearest } from "./errors.js";
import type { NativePoint } from "./native.js";
import { received } from "./received.js";

/** Residual stream before attention, between attention and FFN, after FFN. (T, D) */
export type ResidHook = "resid_pre" | "resid_mid" | "resid_post";
/**
 * in: normed input (T, D); gate_pre = in·W_gate, gate = s = σ(gate_pre), up_pre = in·W_up, up (= up_pre in a llama),
 * mid = x₁ = s ⊙ up, all (T, F); out = mid·W_down (T, D).
 */
export type FfnHook = "ffn.in" | "ffn.gate_pre" | "ffn.gate" | "ffn.up_pre" | "ffn.up" | "ffn.mid" | "ffn.out";
/** A point of one block, of a range of blocks (`blocks.0-3.…`) or of all (`blocks.*.…`). */
export type BlockHook = ResidHook | FfnHook;
export type Layers = number | "*" | `${number}-${number}`;
/** `blocks.*.ffn.mid`, `blocks.0-7.resid_post` (both ends included), `embed`, `final_norm`, `logits`. */
export type HookPoint = "embed" | "final_norm" | "logits" | `blocks.${Layers}.${BlockHook}`;

type Dims<S extends string> = S extends `blocks.${string}.ffn.${"gate_pre" | "gate" | "up_pre" | "up" | "mid"}`
  ? ["token", "neuron"]
  : S extends "logits"
    ? ["token", "vocab"]
    : ["token", "hidden"];
/** The axes of a captured point. With `*` or a range, the first axis is the layer. Of a plain string nothing is known: any axes. */
export type HookDims<S extends string> = S extends HookPoint
  ? S extends `blocks.${infer L}.${string}`
    ? L extends "*" | `${number}-${number}`
      ? ["layer", ...Dims<S>]
      : Dims<S>
    : Dims<S>
  : readonly string[];
/** What `get` takes: a captured name, or one layer of a captured range. Where a plain string was captured, any name. */
export type Gettable<S extends string> = S extends HookPoint
  ? S | (S extends `blocks.${"*" | `${number}-${number}`}.${infer R}` ? `blocks.${number}.${R}` : never)
  : HookPoint;

/** The points of one block, in the order in which they are computed. */
export const blockHooks: readonly BlockHook[] = [
  "resid_pre",
  "resid_mid",
  "ffn.in",
  "ffn.gate_pre",
  "ffn.gate",
  "ffn.up_pre",
  "ffn.up",
  "ffn.mid",
  "ffn.out",
  "resid_post",
];
const wholeHooks = ["embed", "final_norm", "logits"] as const;
const neuronHooks: readonly string[] = ["ffn.gate_pre", "ffn.gate", "ffn.up_pre", "ffn.up", "ffn.mid"];
/** Points of the API that the executor does not have yet. */
const attentionHooks = ["q", "k", "v", "scores", "pattern", "z", "out"].map((name) => `attn.${name}`);

/** Every hook point of a model, blocks as `*`. */
export function hookPoints(): readonly HookPoint[] {
  return ["embed", ...blockHooks.map((hook) => `blocks.*.${hook}` as const), "final_norm", "logits"];
}

export interface ParsedHook {
  readonly name: string;
  readonly point: NativePoint;
  /** Blocks from <= l < to; 0 to 1 for a point of the whole model. */
  readonly from: number;
  readonly to: number;
  /** Written with `*` or a range: its tensor has the layer as first axis. */
  readonly ranged: boolean;
  readonly width: "hidden" | "neuron" | "vocab";
}

/** A hook point's name, checked against a model of `layers` blocks. Throws `unknown-hook-point` with the nearest name. */
export function parseHook(name: string, layers: number): ParsedHook {
  if (typeof name !== "string") {
    throw new LabError(
      "unknown-hook-point",
      `a hook point is a name such as "blocks.3.ffn.mid", received ${received(name)}. Known: ${hookPoints().join(", ")}`,
    );
  }
  if ((wholeHooks as readonly string[]).includes(name)) {
    return { name, point: name as NativePoint, from: 0, to: 1, ranged: false, width: name === "logits" ? "vocab" : "hidden" };
  }
  const match = /^blocks\.([^.]*)\.(.+)$/.exec(name);
  if (!match) throw unknown(name, [...wholeHooks, ...blockHooks.map((hook) => `blocks.*.${hook}`)]);
  const [, where, hook] = match as unknown as [string, string, string];
  if (attentionHooks.includes(hook)) {
    throw new LabError(
      "unknown-hook-point",
      `hook point "${name}": the points of attention come later. What exists in a block: ${blockHooks.join(", ")}`,
    );
  }
  if (!(blockHooks as readonly string[]).includes(hook))
    throw unknown(
      name,
      blockHooks.map((known) => `blocks.${where}.${known}`),
    );
  const range =
    where === "*"
      ? [0, layers - 1]
      : (/^(\d+)(?:-(\d+))?$/.exec(where)?.slice(1) ?? []).filter((n) => n !== undefined).map(Number);
  const from = range[0];
  const last = range[1] ?? from;
  if (from === undefined || last === undefined || from > last || last >= layers) {
    throw new LabError(
      "unknown-hook-point",
      `hook point "${name}": "${where}" names no blocks of this model; write a number from 0 to ${layers - 1}, a range such as "0-${layers - 1}", or "*"`,
    );
  }
  const ranged = where === "*" || where.includes("-");
  return {
    name,
    point: hook as NativePoint,
    from,
    to: last + 1,
    ranged,
    width: neuronHooks.includes(hook) ? "neuron" : "hidden",
  };
}

function unknown(name: string, known: readonly string[]): LabError {
  const near = nearest(name, known);
  const hint = near ? ` Did you mean "${near}"?` : "";
  return new LabError("unknown-hook-point", `unknown hook point "${name}".${hint} Known: ${hookPoints().join(", ")}`);
}
