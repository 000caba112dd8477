/**
 * The rows of given tokens and of N greedy ones after them, as the parity tests and `sparselab logits` want them: a greedy token is fed
 * whatever it is, end of sequence or not.
 */
import { LabError } from "../errors.js";
import { decode, pass, passNeeds, planOf, reservePass } from "../runtime/prefill.js";
import { Program } from "../runtime/program.js";
import { largest, type Tensor } from "../tensor.js";
import { type Captured, cacheOf, parseCaptures } from "./cache.js";
import { insideOf, type Model } from "./model.js";
import { promptTokens } from "./prompt.js";

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
  const { view, weights, native, threads, context } = insideOf(model);
  if (given.length + count > context) {
    throw new LabError(
      "context-full",
      `${given.length} tokens and ${count} greedy ones do not go into the context of ${context}`,
    );
  }
  const told = { vocab: model.vocab, context, tokenizer: () => undefined, expectedBos: () => null, warn: () => undefined };
  const tokens = [...promptTokens(given, told)];
  const captures = parseCaptures(point, model.layers);
  const plan = planOf(native, captures, tokens.length + count, threads);
  const memory = await reservePass(passNeeds(weights, plan, captures, tokens.length + count, "last"), true, signal);
  const program = new Program(weights, plan, memory);
  try {
    const first = await pass(weights, program, captures, tokens, "last", signal);
    const parts: Captured[] = [first.captures[0]!];
    let logits = first.logits!;
    for (let i = 0; i < count; i++) {
      tokens.push(largest(logits, 1)[0]!);
      const row = await decode(weights, program, captures, tokens.at(-1)!, tokens.length - 1, signal);
      parts.push(row.captures[0]!);
      logits = row.logits;
    }
    const { get } = cacheOf<never>([joined(parts)], tokens.length, view.layers);
    return { tokens, rows: (get as (point: string) => Tensor)(point) };
  } finally {
    program.close();
  }
}

/** Parts of (layers, their rows, width) one after another: (layers, rows, width). */
function joined(parts: readonly Captured[]): Captured {
  const { hook } = parts[0]!;
  const layers = hook.to - hook.from;
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  const span = data.length / layers;
  for (let layer = 0; layer < layers; layer++) {
    let at = layer * span;
    for (const part of parts) {
      const own = part.data.length / layers;
      data.set(part.data.subarray(layer * own, (layer + 1) * own), at);
      at += own;
    }
  }
  return { hook, data };
}
