/**
 * Rows of given tokens and of N greedy tokens after them, for the parity tests and `sparselab logits`. Greedy decoding goes on after an
 * end-of-sequence token.
 */
import { LabError } from "../errors.js";
import { sequencePlan } from "../runtime/batch.js";
import { type CapturedPoint, joinCaptures } from "../runtime/captures.js";
import { decode, lastRow } from "../runtime/decode.js";
import { prefill, prefillNeeds, reservePrefill } from "../runtime/prefill.js";
import { Program } from "../runtime/program.js";
import type { Tensor } from "../tensor.js";
import { cacheOf, parseCaptures } from "./cache.js";
import { internalsOf } from "./internals.js";
import type { Model } from "./model.js";
import { type PromptContext, promptTokens } from "./prompt.js";
import { greedy } from "./sampler.js";

export interface GreedyRows {
  /** The tokens given and the N that were chosen. */
  readonly tokens: readonly number[];
  /** `point` over all rows: (tokens + N, width), with a layer axis in front for a range. */
  readonly rows: Tensor;
}

/** `point`: a hook point, "logits" among them. */
export async function greedyRows(
  model: Model,
  given: readonly number[],
  count: number,
  point: string,
  signal?: AbortSignal,
): Promise<GreedyRows> {
  const { weights, native, threads, context } = internalsOf(model);
  if (given.length + count > context) {
    throw new LabError(
      "context-full",
      `${given.length} tokens and ${count} greedy ones do not fit into the context of ${context}; use at most ${context} in all`,
    );
  }
  const promptContext: PromptContext = {
    vocab: model.vocab,
    context,
    tokenizer: () => undefined,
    expectedBos: () => null,
    warn: () => undefined,
  };
  const tokens = [...promptTokens(given, promptContext)];
  const captures = parseCaptures(point, weights.info);
  const plan = sequencePlan(native, captures, tokens.length + count, threads);
  const memory = await reservePrefill(prefillNeeds(weights, plan, captures, tokens.length + count, "last"), true, signal);
  const program = new Program(weights, plan, memory);
  try {
    const first = await prefill(weights, program, captures, tokens, "last", signal);
    const parts: CapturedPoint[] = [first.captures[0]!];
    let { next } = lastRow(first, tokens.length, weights.info.layers, greedy);
    for (let i = 0; i < count; i++) {
      tokens.push(next);
      const row = await decode(weights, program, captures, next, tokens.length - 1, greedy, signal);
      parts.push(row.captures[0]!);
      next = row.next;
    }
    const { get } = cacheOf<never>([joinCaptures(parts)], tokens.length, weights.info);
    return { tokens, rows: (get as (point: string) => Tensor)(point) };
  } finally {
    program.close();
  }
}
