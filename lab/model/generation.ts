/** The types of `generate`. The work is in generate.ts. */
import type { Displayable } from "../display.js";
import type { HookPoint } from "../hooks.js";
import type { Checked } from "../literals.js";
import type { Token } from "../tokenizer/index.js";
import type { Cache } from "./cache.js";
import type { Run } from "./run.js";
import type { SamplingOptions } from "./sampler.js";

/** What `generate` takes, beside the options of sampling. */
export interface GenerateOptions<S extends string = HookPoint> extends SamplingOptions {
  /** Points to keep at every step, `blocks.*.ffn.mid` or a list of such names. Default: none. */
  capture?: Checked<S, HookPoint> | readonly Checked<S, HookPoint>[];
  /** Default: as many as the context holds. */
  maxTokens?: number;
  /** Texts that end the generation; they are not part of the text. Default: none. */
  stop?: readonly string[];
  /** Under strategy "predicted": count the recall of each step, which takes the whole gate and so what `predicted` saves of it. Default: false. */
  recall?: boolean;
  /** Stops within 100 ms; default: the running cell's stop button. */
  signal?: AbortSignal;
}
/**
 * One generated token. `cache` and `sparsity` belong to the forward pass whose logits chose it (for the first token: the last row of the
 * prompt) and are copies; the cache has one token.
 */
export interface Step<S extends string = string> {
  readonly token: Token;
  /** Whole characters: a piece that ends inside a character waits for the next one, and so does text that may begin a stop string. */
  readonly text: string;
  /** log p of the token under the model itself, before temperature and the like. */
  readonly logprob: number;
  /** The most likely tokens at this step, best first. */
  top(k: number): readonly { readonly token: Token; readonly text: string; readonly logprob: number }[];
  /** (L) share of zeros in x₁. */
  readonly sparsity: Float32Array;
  /** Under strategy "predicted": (L) share of neurons that the predictors skip. */
  readonly predictedSparsity?: Float32Array;
  /** With the option `recall`: (L) share of active neurons that were predicted, 1 where none is active. */
  readonly recall?: Float32Array;
  readonly cache: Cache<S>;
}
/**
 * A text that is generated while it is read: with `for await`, or `await generation.text()`. A prompt that begins like the view's last
 * generation goes on from its KV cache, unless it has captures, interventions that call a function, or strategy "predicted".
 */
export interface Generation<S extends string = string> extends AsyncIterable<Step<S>>, Displayable {
  /** The run of the prompt, with its captures and the logits of its last row. Starts the generation. */
  readonly prompt: Promise<Run<S>>;
  /** The whole text; generates what has not been generated yet. */
  text(): Promise<string>;
}
