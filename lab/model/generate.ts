/**
 * `generate`: an async iterable of steps over a KV cache of its own. Each step describes the forward pass whose logits chose its token.
 * Nothing is computed ahead of the reader: leaving the loop ends the work.
 */
import { checkCount, checkSignal } from "../check.js";
import { displaySymbol, type MimeBundle, notebook } from "../display.js";
import { checkOptions, LabError } from "../errors.js";
import type { ParsedHook } from "../hooks.js";
import { largest } from "../math.js";
import { received } from "../received.js";
import { sequencePlan } from "../runtime/batch.js";
import { decode, lastRow, type Row } from "../runtime/decode.js";
import { type PrefillResult, prefill, prefillNeeds, reservePrefill } from "../runtime/prefill.js";
import { prefixOf, type SequenceRow, sharedRows } from "../runtime/prefix.js";
import { Program } from "../runtime/program.js";
import { countText } from "../text.js";
import { createTextStream, type Token } from "../tokenizer/index.js";
import { cacheOf, parseCaptures } from "./cache.js";
import type { FileTokenizer } from "./file-tokenizer.js";
import type { GenerateOptions, Generation, Step } from "./generation.js";
import { type Internals, isLive } from "./internals.js";
import { type Run, runOf } from "./run.js";
import { Sampler } from "./sampler.js";
import { StopText } from "./stop-text.js";

const known = [
  "capture",
  "maxTokens",
  "temperature",
  "topK",
  "topP",
  "minP",
  "repeatPenalty",
  "seed",
  "stop",
  "recall",
  "signal",
];

/** `generate` writes text: a vocabulary that cannot be used is an error at once, not after the prompt was run. */
export function checkWrites(fileTokenizer: FileTokenizer): void {
  const { fault } = fileTokenizer;
  if (!fault) return;
  throw new LabError(
    fault.code,
    `generate writes text, and the file's vocabulary cannot be used (run takes token ids, without a vocabulary): ${fault.message}`,
  );
}

export function generation<S extends string>(
  internals: Internals,
  prompt: readonly Token[],
  options: GenerateOptions<S>,
): Generation<S> {
  checkOptions("generate", options, known);
  const { capture, maxTokens, stop = [], recall, signal, ...sampling } = options;
  checkCount("maxTokens", maxTokens, 1);
  if (!Array.isArray(stop)) throw new LabError("invalid-option", `stop must be an array of texts, received ${received(stop)}`);
  const room = internals.context - prompt.length;
  const wanted = maxTokens ?? 1;
  if (wanted > room) {
    const shorter = wanted < internals.context ? `Shorten the prompt by ${countText(wanted - room, "token")}` : "";
    const fewer = room > 0 ? `${shorter ? ", or set" : "Set"} maxTokens to at most ${room}` : "";
    throw new LabError(
      "context-full",
      `the prompt has ${prompt.length} tokens and ${wanted} more ${wanted === 1 ? "is" : "are"} wanted; the context holds ${internals.context}. ${shorter}${fewer}`,
    );
  }
  if (recall !== undefined && typeof recall !== "boolean")
    throw new LabError("invalid-option", `recall must be true or false, received ${received(recall)}`);
  if (recall && internals.native.strategy !== "predicted")
    throw new LabError(
      "invalid-option",
      `recall is counted under strategy "predicted"; this view's is "${internals.native.strategy}", which misses nothing`,
    );
  return new TextGeneration<S>(internals, prompt, {
    captures: parseCaptures(capture, internals.weights.info),
    limit: maxTokens ?? room,
    sampler: new Sampler(sampling),
    stop: new StopText(stop),
    misses: recall ?? false,
    signal: checkSignal(signal) ?? notebook()?.signal(),
  });
}

/** How a text is generated: the checked options. */
interface Decoding {
  readonly captures: readonly ParsedHook[];
  readonly limit: number;
  readonly sampler: Sampler;
  readonly stop: StopText;
  /** Whether misses of predictors are counted. */
  readonly misses: boolean;
  readonly signal: AbortSignal | undefined;
}
interface Started {
  readonly program: Program;
  /** What the program holds; the steps add theirs. */
  readonly rows: SequenceRow[];
  readonly result: PrefillResult;
  /** The last row of the prompt. */
  readonly row: Row;
}
// A generation of which only the prompt was read still holds its cache, until it is garbage collected.
const collected = new FinalizationRegistry<Program>((program) => program.close());

const isAbort = (error: unknown) => error instanceof LabError && error.code === "aborted";

/** Copies of what the report of a prompt says about each token. */
function rowsOf(tokens: readonly Token[], { logprobs, sparsity }: PrefillResult, layers: number): SequenceRow[] {
  return tokens.map((token, i) => ({
    token,
    logprob: logprobs![i]!,
    sparsity: Float32Array.from({ length: layers }, (_, layer) => sparsity[layer * tokens.length + i]!),
  }));
}

class TextGeneration<S extends string> implements Generation<S> {
  readonly #internals: Internals;
  readonly #prompt: readonly Token[];
  readonly #decoding: Decoding;
  #started: Promise<Started> | undefined;
  #state: "new" | "running" | "ended" = "new";
  #text = "";

  constructor(internals: Internals, prompt: readonly Token[], decoding: Decoding) {
    this.#internals = internals;
    this.#prompt = prompt;
    this.#decoding = decoding;
  }

  get prompt(): Promise<Run<S>> {
    return this.#start().then(({ result }) =>
      runOf<S>(this.#internals.weights.info, this.#internals.fileTokenizer, this.#prompt, result),
    );
  }

  async text(): Promise<string> {
    if (this.#state === "running")
      throw new LabError(
        "invalid-option",
        "this generation is being read by a loop; read its text after it, or call generate again",
      );
    if (this.#state === "new") for await (const _ of this) void _;
    return this.#text;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Step<S>, void, void> {
    if (this.#state !== "new") throw new LabError("invalid-option", "a generation can be read only once; call generate again");
    this.#state = "running";
    try {
      const started = await this.#start();
      let failed = false;
      try {
        yield* this.#steps(started);
      } catch (error) {
        failed = !isAbort(error);
        throw error;
      } finally {
        collected.unregister(this);
        this.#end(started, failed);
      }
    } finally {
      this.#state = "ended";
    }
  }

  /** The next generation may go on from what was computed. */
  #end({ program, rows }: Started, failed: boolean): void {
    const { view, weights, native } = this.#internals;
    if (!failed && this.#reuses && isLive(view)) prefixOf(weights).leave(native, { program, rows });
    else program.close();
  }

  /**
   * Whether prompts may go on from the cache of another generation. What is captured of a prompt, and what predictors miss of it, takes all
   * of its rows; and what a function of the caller does may change.
   */
  get #reuses(): boolean {
    const { strategy, interventions } = this.#internals.native;
    return this.#decoding.captures.length === 0 && strategy !== "predicted" && interventions.every(({ kind }) => kind !== "call");
  }

  async *#steps({ program, rows, row: first }: Started): AsyncGenerator<Step<S>, void, void> {
    const { captures, limit, sampler, stop, misses, signal } = this.#decoding;
    const { tokenizer } = this.#internals.fileTokenizer;
    const stream = createTextStream(tokenizer, this.#prompt);
    const tokens = [...this.#prompt];
    let row = first;
    for (let count = 1; ; count++) {
      const token = row.next;
      const ends = tokenizer.ends.has(token);
      let text = ends ? stop.push(stream.flush()) : stop.push(stream.push(token));
      const last = ends || stop.stopped || count === limit;
      if (last && !stop.stopped) text += stop.flush();
      this.#text += text;
      yield this.#step(token, text, row);
      if (last) return;
      tokens.push(token);
      const logprob = Math.fround(row.logprob(token));
      row = await decode(
        this.#internals.weights,
        program,
        captures,
        token,
        tokens.length - 1,
        sampler.next(tokens),
        signal,
        misses,
      );
      rows.push({ token, logprob, sparsity: row.sparsity.slice() });
    }
  }

  #step(token: Token, text: string, { logits, logprob, captures, sparsity, predicted }: Row): Step<S> {
    const { tokenizer } = this.#internals.fileTokenizer;
    const { info } = this.#internals.weights;
    return {
      token,
      text,
      logprob: logprob(token),
      top: (k) => {
        if (k === undefined) throw new LabError("invalid-option", "top(k) needs a number of tokens");
        checkCount("k of top(k)", k, 0);
        return largest(logits, k).map((best) => ({
          token: best,
          text: tokenizer.pieces([best])[0]!,
          logprob: logprob(best),
        }));
      },
      sparsity,
      ...predicted,
      cache: cacheOf<S>(captures, 1, info),
    };
  }

  #start(): Promise<Started> {
    this.#started ??= this.#prefill();
    return this.#started;
  }

  async #prefill(): Promise<Started> {
    const { weights, native, threads } = this.#internals;
    const { captures, limit, sampler, misses, signal } = this.#decoding;
    const plan = sequencePlan(native, captures, this.#prompt.length + limit, threads);
    const needs = prefillNeeds(weights, plan, captures, this.#prompt.length, "last");
    const memory = await reservePrefill(
      needs,
      false,
      signal,
      'Give a smaller maxTokens, capture fewer layers ("blocks.0-7.…"), or shorten the prompt',
    );
    const program = new Program(weights, plan, memory);
    try {
      const shared = await this.#takeOver(program);
      const result = await prefill(weights, program, captures, this.#prompt, "last", signal, shared);
      collected.register(this, program, this);
      // Copied before the prompt's run is handed out, since the caller may change it.
      const row = lastRow(result, this.#prompt.length, weights.info.layers, sampler.next(this.#prompt), misses);
      return { program, rows: rowsOf(this.#prompt, result, weights.info.layers), result, row };
    } catch (error) {
      program.close();
      throw error;
    }
  }

  /** Goes on from the last generation, as far as the prompt begins like it; the rows that both share. */
  async #takeOver(program: Program): Promise<readonly SequenceRow[]> {
    const { weights, native } = this.#internals;
    const last = this.#reuses ? prefixOf(weights).take(native) : undefined;
    if (!last) return [];
    try {
      const shared = sharedRows(last.rows, this.#prompt);
      if (shared.length < 2) return [];
      await program.takeOver(last.program, shared.length - 1, this.#decoding.signal);
      return shared;
    } finally {
      last.program.close();
    }
  }

  [displaySymbol](): MimeBundle {
    return { "text/plain": "Generation: read it with for await, or await its text()" };
  }

  /** For `console.log`. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this[displaySymbol]()["text/plain"] as string;
  }
}
