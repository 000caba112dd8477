/**
 * Generation: an async iterable of steps over a KV cache of its own. Each step tells about the forward pass whose logits chose its token.
 * Nothing is computed ahead of the reader: leaving the loop ends the work.
 */
import { type Displayable, displaySymbol, type MimeBundle, notebook } from "../display.js";
import { checkOptions, countText, LabError } from "../errors.js";
import type { HookPoint, ParsedHook } from "../hooks.js";
import type { Checked } from "../literals.js";
import { received } from "../received.js";
import { decode, type PassResult, pass, passNeeds, planOf, type Row, reservePass } from "../runtime/prefill.js";
import { Program } from "../runtime/program.js";
import { largest } from "../tensor.js";
import { createTextStream, type Token } from "../tokenizer/index.js";
import { type Cache, cacheOf, parseCaptures } from "./cache.js";
import type { Inside } from "./model.js";
import { checkCount, checkSignal } from "./options.js";
import { type Run, runOf } from "./run.js";
import { logSumExp, Sampler, type SamplingOptions } from "./sampler.js";
import { StopText } from "./stop-text.js";

/** What `generate` takes, beside the options of sampling. */
export interface GenerateOptions<S extends string = HookPoint> extends SamplingOptions {
  /** Points to keep at every step, `blocks.*.ffn.mid` or a list of such names. Default: none. */
  capture?: Checked<S, HookPoint> | readonly Checked<S, HookPoint>[];
  /** Default: as many as the context holds. */
  maxTokens?: number;
  /** Texts that end the generation; they are not part of the text. Default: none. */
  stop?: readonly string[];
  /** Stops within 100 ms; default: the running cell's stop button. */
  signal?: AbortSignal;
}
/**
 * cache and sparsity are those of the forward pass whose logits chose `token` (for the first step: the prompt's last row), copied before
 * the step is yielded; the caches have one token.
 */
export interface Step<S extends string = string> {
  readonly token: Token;
  /** Whole characters only: a piece that ends inside one waits for the next, as does what may begin a stop string. */
  readonly text: string;
  /** log p of the token under the model itself, before temperature and the like. */
  readonly logprob: number;
  /** The most likely tokens at this step, best first. */
  top(k: number): readonly { readonly token: Token; readonly text: string; readonly logprob: number }[];
  /** (L) share of zeros in x₁. */
  readonly sparsity: Float32Array;
  readonly cache: Cache<S>;
}
/** A text on its way: read it with `for await`, or `await generation.text()`. */
export interface Generation<S extends string = string> extends AsyncIterable<Step<S>>, Displayable {
  /** The prompt's own pass, with its captures; its logits are the last row's. Starts the work. */
  readonly prompt: Promise<Run<S>>;
  /** The whole text; runs to the end what has not run yet. */
  text(): Promise<string>;
}

const known = ["capture", "maxTokens", "temperature", "topK", "topP", "minP", "repeatPenalty", "seed", "stop", "signal"];

/** What is generated is told as text: a vocabulary that cannot do it is an error at once, not after the prompt's pass. */
export function checkWrites({ weights }: Inside): void {
  const fault = weights.vocabularyFault;
  if (!fault) return;
  throw new LabError(
    fault.code,
    `generate writes text, and the file's vocabulary cannot be used (run takes token ids, without a vocabulary): ${fault.message}`,
  );
}

export function generation<S extends string>(
  inside: Inside,
  prompt: readonly Token[],
  options: GenerateOptions<S>,
): Generation<S> {
  checkOptions("generate", options, known);
  const { capture, maxTokens, stop = [], signal, ...sampling } = options;
  checkCount("maxTokens", maxTokens, 1);
  if (!Array.isArray(stop)) throw new LabError("invalid-option", `stop must be an array of texts, received ${received(stop)}`);
  const room = inside.context - prompt.length;
  const wanted = maxTokens ?? 1;
  if (wanted > room) {
    const shorter = wanted < inside.context ? `Shorten the prompt by ${countText(wanted - room, "token")}` : "";
    const fewer = room > 0 ? `${shorter ? ", or set" : "Set"} maxTokens to at most ${room}` : "";
    throw new LabError(
      "context-full",
      `the prompt has ${prompt.length} tokens and ${wanted} ${wanted === 1 ? "is" : "are"} to follow; the context holds ${inside.context}. ${shorter}${fewer}`,
    );
  }
  return new Writer<S>(inside, prompt, {
    captures: parseCaptures(capture, inside.weights.info.layers),
    limit: maxTokens ?? room,
    sampler: new Sampler(sampling),
    stop: new StopText(stop),
    signal: checkSignal(signal) ?? notebook()?.signal(),
  });
}

interface Work {
  readonly captures: readonly ParsedHook[];
  readonly limit: number;
  readonly sampler: Sampler;
  readonly stop: StopText;
  readonly signal: AbortSignal | undefined;
}
interface Started {
  readonly program: Program;
  readonly result: PassResult;
  /** What the prompt's last row left. */
  readonly row: Row;
}
// A generation of which only the prompt was read still holds its cache: it goes when the generation is collected.
const collected = new FinalizationRegistry<Program>((program) => program.close());

class Writer<S extends string> implements Generation<S> {
  readonly #inside: Inside;
  readonly #prompt: readonly Token[];
  readonly #work: Work;
  #started: Promise<Started> | undefined;
  #state: "new" | "running" | "ended" = "new";
  #text = "";

  constructor(inside: Inside, prompt: readonly Token[], work: Work) {
    this.#inside = inside;
    this.#prompt = prompt;
    this.#work = work;
  }

  get prompt(): Promise<Run<S>> {
    return this.#start().then(({ result }) => runOf<S>(this.#inside.weights, this.#prompt, result));
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
    if (this.#state !== "new") throw new LabError("invalid-option", "a generation is read once; call generate again");
    this.#state = "running";
    try {
      const started = await this.#start();
      const { program } = started;
      try {
        yield* this.#steps(started);
      } finally {
        collected.unregister(this);
        program.close();
      }
    } finally {
      this.#state = "ended";
    }
  }

  async *#steps({ program, row: first }: Started): AsyncGenerator<Step<S>, void, void> {
    const { captures, limit, sampler, stop, signal } = this.#work;
    const { tokenizer } = this.#inside.weights;
    const stream = createTextStream(tokenizer, this.#prompt);
    const tokens = [...this.#prompt];
    let row = first;
    for (let count = 1; ; count++) {
      const token = sampler.choose(row.logits, tokens);
      const ends = tokenizer.ends.has(token);
      let text = ends ? stop.push(stream.flush()) : stop.push(stream.push(token));
      const last = ends || stop.stopped || count === limit;
      if (last && !stop.stopped) text += stop.flush();
      this.#text += text;
      yield this.#step(token, text, row);
      if (last) return;
      tokens.push(token);
      row = await decode(this.#inside.weights, program, captures, token, tokens.length - 1, signal);
    }
  }

  #step(token: Token, text: string, { logits, captures, sparsity }: Row): Step<S> {
    const total = logSumExp(logits);
    const { tokenizer, info } = this.#inside.weights;
    return {
      token,
      text,
      logprob: logits[token]! - total,
      top: (k) => {
        if (k === undefined) throw new LabError("invalid-option", "top(k) needs a number of tokens");
        checkCount("k of top(k)", k, 0);
        return largest(logits, k).map((best) => ({
          token: best,
          text: tokenizer.pieces([best])[0]!,
          logprob: logits[best]! - total,
        }));
      },
      sparsity,
      cache: cacheOf<S>(captures, 1, info.layers),
    };
  }

  #start(): Promise<Started> {
    this.#started ??= this.#prefill();
    return this.#started;
  }

  async #prefill(): Promise<Started> {
    const { weights, native, threads } = this.#inside;
    const { captures, limit, signal } = this.#work;
    const plan = planOf(native, captures, this.#prompt.length + limit, threads);
    const needs = passNeeds(weights, plan, captures, this.#prompt.length, "last");
    const memory = await reservePass(
      needs,
      false,
      signal,
      'Give a smaller maxTokens, capture fewer blocks ("blocks.0-7.…"), or shorten the prompt',
    );
    const program = new Program(weights, plan, memory);
    try {
      const result = await pass(weights, program, captures, this.#prompt, "last", signal);
      collected.register(this, program, this);
      // Copied before the prompt's run is handed out: its reader may change what it was given.
      return { program, result, row: lastRow(result, this.#prompt.length, this.#inside) };
    } catch (error) {
      program.close();
      throw error;
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

/** The prompt's last row, copied out of its pass. */
function lastRow(result: PassResult, tokens: number, { weights }: Inside): Row {
  const captures = result.captures.map(({ hook, data }) => {
    const layers = hook.to - hook.from;
    const width = data.length / (layers * tokens);
    const row = new Float32Array(layers * width);
    for (let layer = 0; layer < layers; layer++) {
      const start = (layer * tokens + tokens - 1) * width;
      row.set(data.subarray(start, start + width), layer * width);
    }
    return { hook, data: row };
  });
  const sparsity = Float32Array.from(
    { length: weights.info.layers },
    (_, layer) => result.sparsity[layer * tokens + tokens - 1]!,
  );
  return { logits: result.logits!.slice(), captures, sparsity };
}
