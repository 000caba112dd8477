/** The result of `run`: plain data about one prompt. T tokens, V vocabulary. */
import { type Displayable, displaySymbol, type MimeBundle } from "../display.js";
import { LabError } from "../errors.js";
import type { NativeModelInfo } from "../native.js";
import type { PrefillResult } from "../runtime/prefill.js";
import { type Tensor, tensor } from "../tensor.js";
import { valueText } from "../text.js";
import type { Token } from "../tokenizer/index.js";
import { type Cache, cacheOf } from "./cache.js";
import type { FileTokenizer } from "./file-tokenizer.js";

/** What `run` gives: logits, what was captured, and the share of zeros. */
export interface Run<S extends string = string> extends Displayable {
  readonly tokens: readonly Token[];
  /** The text of each token, BOS as `<s>`. */
  readonly pieces: readonly string[];
  /** (T, V); one row with logits: "last". */
  readonly logits: Tensor<["token", "vocab"]>;
  /** log p of each token given those before it; the first is NaN. */
  readonly logprobs: Float32Array;
  /** exp of the mean of -logprobs; NaN for a prompt of one token. */
  readonly perplexity: number;
  readonly cache: Cache<S>;
  /** Share of zeros in x₁. */
  readonly sparsity: Tensor<["layer", "token"]>;
  /**
   * How many of the first tokens were not computed again, since the last generation began with them too. Their numbers are those that were
   * computed then, and every bit is the same. 0 for `run`.
   */
  readonly reusedTokens: number;
  /** Under strategy "predicted": the share of neurons that the predictors skip, 0 in layers without one. */
  readonly predictedSparsity?: Tensor<["layer", "token"]>;
  /** Under strategy "predicted": the share of active neurons that were predicted, 1 where none is active. Counting it takes the whole gate. */
  readonly recall?: Tensor<["layer", "token"]>;
}

export function runOf<S extends string>(
  info: NativeModelInfo,
  fileTokenizer: FileTokenizer,
  tokens: readonly Token[],
  result: PrefillResult,
): Run<S> {
  // Computed now, since the caller may change the arrays below.
  const perplexity =
    result.logprobs && Math.exp(-result.logprobs.subarray(1).reduce((sum, value) => sum + value, 0) / (tokens.length - 1));
  const zeros = average(result.sparsity);
  const recall = result.predicted && average(result.predicted.recall);
  const absent = (what: string) =>
    new LabError("not-captured", `this run has no ${what}, since it was run with logits: "none"; use "all" or "last"`);
  const run: Run<S> = {
    tokens: Object.freeze([...tokens]),
    get pieces() {
      return fileTokenizer.tokenizer.pieces(tokens);
    },
    get logits() {
      if (!result.logits) throw absent("logits");
      return tensor(result.logits, ["token", "vocab"], [result.logits.length / info.vocab, info.vocab]);
    },
    get logprobs() {
      if (!result.logprobs) throw absent("logprobs");
      return result.logprobs;
    },
    get perplexity() {
      if (perplexity === undefined) throw absent("perplexity");
      return perplexity;
    },
    cache: cacheOf<S>(result.captures, tokens.length, info),
    sparsity: tensor(result.sparsity, ["layer", "token"], [info.layers, tokens.length]),
    reusedTokens: result.reusedTokens,
    ...(result.predicted && {
      predictedSparsity: tensor(result.predicted.predictedSparsity, ["layer", "token"], [info.layers, tokens.length]),
      recall: tensor(result.predicted.recall, ["layer", "token"], [info.layers, tokens.length]),
    }),
    [displaySymbol](): MimeBundle {
      return { "text/plain": runText(run, zeros, perplexity, recall) };
    },
  };
  Object.defineProperty(run, Symbol.for("nodejs.util.inspect.custom"), { value: () => runText(run, zeros, perplexity, recall) });
  return run;
}

const average = (shares: Float32Array) => shares.reduce((sum, share) => sum + share, 0) / shares.length;

function runText<S extends string>(
  run: Run<S>,
  zeros: number,
  perplexity: number | undefined,
  recall: number | undefined,
): string {
  const parts = [`${run.tokens.length} tokens`, `${(100 * zeros).toFixed(1)} % zeros in x₁`];
  if (recall !== undefined) parts.push(`recall ${(100 * recall).toFixed(1)} %`);
  if (perplexity !== undefined && run.tokens.length > 1) parts.push(`perplexity ${valueText(perplexity)}`);
  if (run.cache.hookPoints.length > 0) parts.push(`captured ${run.cache.hookPoints.join(", ")}`);
  return `Run: ${parts.join(", ")}`;
}
