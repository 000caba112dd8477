/**
 * Captured values: one tensor for each captured name, and single layers of captured ranges. A captured point is always computed, even where
 * the strategy would skip it; values are those after the interventions at that point.
 */
import { LabError } from "../errors.js";
import { type Gettable, type HookDims, type ModelHooks, type ParsedHook, parseHook } from "../hooks.js";
import type { Checked, Loose } from "../literals.js";
import { received } from "../received.js";
import type { CapturedPoint } from "../runtime/captures.js";
import { type Tensor, tensor } from "../tensor.js";

/** What a run captured: `run.cache.get("blocks.3.ffn.mid")`. */
export interface Cache<S extends string = string> {
  readonly hookPoints: readonly S[];
  readonly bytes: number;
  /** A captured point, or one layer of a captured range: `run.cache.get("blocks.3.ffn.mid")`. */
  get<const N extends Loose<Gettable<S>>>(point: Checked<N, Gettable<S>>): Tensor<HookDims<N>>;
}

export function cacheOf<S extends string>(captures: readonly CapturedPoint[], rows: number, model: ModelHooks): Cache<S> {
  return Object.freeze({
    hookPoints: Object.freeze(captures.map(({ hook }) => hook.name as S)),
    bytes: captures.reduce((sum, { data }) => sum + data.byteLength, 0),
    get<const N extends Loose<Gettable<S>>>(point: Checked<N, Gettable<S>>): Tensor<HookDims<N>> {
      return find(captures, point, rows, model) as unknown as Tensor<HookDims<N>>;
    },
  });
}

function find(captures: readonly CapturedPoint[], point: string, rows: number, model: ModelHooks): Tensor {
  const asked = parseHook(point, model);
  for (const { hook, data, heads } of captures) {
    const span = data.length / (hook.to - hook.from);
    const last = span / rows / heads;
    // The sizes of one layer's axes: rows, heads where there are any, and what is left.
    const sizes = hook.axes.map((axis) => (axis === "token" || axis === "query" ? rows : axis === "head" ? heads : last));
    if (hook.name === point) {
      return hook.ranged
        ? tensor(data, ["layer", ...hook.axes], [hook.to - hook.from, ...sizes])
        : tensor(data, hook.axes, sizes);
    }
    if (!asked.ranged && hook.ranged && hook.point === asked.point && hook.from <= asked.from && asked.from < hook.to) {
      const start = (asked.from - hook.from) * span;
      return tensor(data.subarray(start, start + span), hook.axes, sizes);
    }
  }
  const kept = captures.length > 0 ? captures.map(({ hook }) => hook.name).join(", ") : "nothing";
  throw new LabError("not-captured", `"${point}" was not captured; this run kept ${kept}. Add it: { capture: ["${point}"] }`);
}

/** Parses the option `capture`; duplicates count once. */
export function parseCaptures(capture: string | readonly string[] | undefined, model: ModelHooks): ParsedHook[] {
  const list = capture === undefined ? [] : typeof capture === "string" ? [capture] : capture;
  if (!Array.isArray(list)) {
    throw new LabError("invalid-option", `capture must be a hook point or an array of them, received ${received(capture)}`);
  }
  return [...new Set(list)].map((name) => parseHook(name, model));
}
