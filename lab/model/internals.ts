/**
 * The internals of a view, for the lab: its weights and its setting. They are kept outside the object, so that a notebook does not see them.
 */
import { LabError } from "../errors.js";
import type { NativeSetting } from "../native.js";
import { refusePromise } from "../promised.js";
import { prefixOf } from "../runtime/prefix.js";
import type { Weights } from "../runtime/weights.js";
import type { FileTokenizer } from "./file-tokenizer.js";
import type { Model } from "./model.js";
import type { Setting } from "./setting.js";

/** The internals of a view. */
export interface Internals {
  /** Keeps the view alive: when a view is garbage collected, its weights are released. */
  readonly view: Model;
  readonly weights: Weights;
  readonly fileTokenizer: FileTokenizer;
  readonly setting: Setting;
  readonly native: NativeSetting;
  readonly threads: number;
  readonly context: number;
}

const internals = new WeakMap<Model, Internals>();
/** Views that were not disposed of. */
const live = new WeakSet<Model>();
interface Released {
  readonly weights: Weights;
  readonly native: NativeSetting;
}
function release({ weights, native }: Released): void {
  prefixOf(weights).drop(native);
  weights.release();
}
// A notebook that runs its load cell again drops the first model: its weights are released when it is collected.
const collected = new FinalizationRegistry<Released>(release);

/** Registers a new view, which holds a reference on its weights until it is disposed of or collected. */
export function register(own: Internals): void {
  const { view, weights, native } = own;
  internals.set(view, own);
  live.add(view);
  weights.retain();
  collected.register(view, { weights, native }, view);
}

/** Releases the view's weights; the second time it does nothing. */
export function unregister(view: Model): void {
  if (!live.delete(view)) return;
  collected.unregister(view);
  release(internals.get(view)!);
}

export const isLive = (view: Model): boolean => live.has(view);

/** The internals of a view. Throws for a view that was disposed of, and for anything but a model. */
export function internalsOf(model: Model): Internals {
  refusePromise("a model", model);
  const found = internals.get(model);
  if (!found) throw new LabError("invalid-option", "expected a model, as load() gives it");
  if (!live.has(model))
    throw new LabError("disposed", `this view of ${model.name} was disposed of; load the file again, or keep another view`);
  return found;
}
