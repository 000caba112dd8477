/**
 * Every public function of the lab with odd values in every place: each argument, option, list element and field in turn. It may work, or throw a
 * LabError that says what was expected, but not a raw TypeError or RangeError.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  ablate,
  corpus,
  fatrelu,
  type Generation,
  LabError,
  load,
  type Model,
  measure,
  type Point,
  patch,
  plot,
  type Report,
  type Run,
  save,
  show,
  steer,
  sweep,
  tensor,
} from "../../lab/index.js";
import { folder, small, writeSmallLlama } from "../support/small-llama.js";

const odd: readonly unknown[] = [
  undefined,
  null,
  1n,
  {},
  [],
  "",
  "odd",
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -1,
  1.5,
  2 ** 32,
  true,
  Symbol("odd"),
  () => 0,
  [null],
  [1n],
  [[0]],
  { length: 3 },
  Object.create(null),
  new Float32Array(1),
  new BigInt64Array(2),
  new Proxy({}, {}),
  new Date(Number.NaN),
];

type Path = readonly (string | number)[];
/** Every place of a value: itself, its elements and its fields; of a class's instance (a model, a tensor) only itself. */
function places(value: unknown, path: Path = []): Path[] {
  const plain =
    Array.isArray(value) || (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype);
  if (!plain) return [path];
  return [path, ...Object.entries(value as object).flatMap(([key, one]) => places(one, [...path, key]))];
}
/** A copy of the value with `put` at a path. */
function placed(value: unknown, [key, ...rest]: Path, put: unknown): unknown {
  if (key === undefined) return put;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string | number, unknown>;
  copy[key] = placed(copy[key], rest, put);
  return copy;
}
const name = (value: unknown) =>
  typeof value === "symbol"
    ? "a symbol"
    : typeof value === "function"
      ? "a function"
      : JSON.stringify(value, (_, v) => (typeof v === "bigint" ? `${v}n` : v));

/** Calls with odd values in every place of the arguments; raw errors, as text. */
async function rawErrors(what: string, call: (...args: never[]) => unknown, args: readonly unknown[]): Promise<string[]> {
  const raw: string[] = [];
  for (const path of places(args).slice(1)) {
    for (const value of odd) {
      try {
        await call(...(placed(args, path, value) as never[]));
      } catch (error) {
        if (error instanceof LabError && error.message.length < 2000) continue;
        raw.push(
          `${what}(${path.join(".")} = ${name(value)}): ${(error as Error)?.stack?.split("\n").slice(0, 3).join(" ") ?? String(error)}`,
        );
      }
    }
  }
  return raw;
}

let dir: Awaited<ReturnType<typeof folder>>;
let model: Model;
let other: Model;
let run: Run<"blocks.*.ffn.mid" | "embed">;
let points: readonly Point<"sparsity" | "perplexity" | "kl">[];
let report: Report<"sparsity">;
let text: ReturnType<typeof corpus>;
const ids = [1, 5, 6, 7, 8, 9];
const quiet = ["log", "warn", "error"] as const;

beforeAll(async () => {
  for (const of of quiet) vi.spyOn(console, of).mockImplementation(() => undefined);
  vi.spyOn(process.stdout, "write").mockReturnValue(true);
  dir = await folder();
  const keys = { "llama.hidden_activation": { type: "string", value: "relu" } } as const;
  model = await load(writeSmallLlama(dir.path, { keys }), { threads: 1 });
  other = model.with({});
  run = await model.run(ids, { capture: ["blocks.*.ffn.mid", "embed"] });
  writeFileSync(join(dir.path, "text.txt"), "a bad cab, a fed bee. ".repeat(4));
  text = corpus(join(dir.path, "text.txt"));
  report = await measure(model, text, { measure: ["sparsity"], window: 8 });
  const of = sweep(model, { over: fatrelu(0, 0.1), on: text, measure: ["sparsity", "perplexity", "kl"], window: 8 });
  for await (const _ of of) void _;
  points = of.points;
});
afterAll(async () => {
  vi.restoreAllMocks();
  other.dispose();
  model.dispose();
  await dir.remove();
});

async function drained(of: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of of) void _;
}

describe("odd values", () => {
  it("in load and corpus", async () => {
    const path = join(dir.path, "small.gguf");
    const options = {
      activation: "relu",
      policy: { kind: "fatrelu", t: [0.1, 0.2] },
      strategy: "exact",
      device: "cpu",
      layout: "mmap",
      arithmetic: "float",
      kv: "f32",
      context: 32,
      threads: 1,
      onProgress: () => undefined,
      signal: new AbortController().signal,
    };
    const opened = async (...args: Parameters<typeof load>) => (await load(...args)).dispose();
    expect(await rawErrors("load", opened, [path, options])).toEqual([]);
    expect(await rawErrors("corpus", corpus, [path, { maxTokens: 10 }])).toEqual([]);
  });

  it("in run, weight and the result of a run", async () => {
    const options = { capture: ["embed", "blocks.*.ffn.mid"], logits: "last", signal: new AbortController().signal };
    expect(await rawErrors("run", model.run.bind(model), [ids, options])).toEqual([]);
    expect(await rawErrors("run", model.run.bind(model), ["a bad cab"])).toEqual([]);
    expect(await rawErrors("run", model.run.bind(model), [[{ role: "user", content: "a" }]])).toEqual([]);
    expect(await rawErrors("weight", model.weight.bind(model), ["output.weight"])).toEqual([]);
    expect(await rawErrors("cache.get", run.cache.get.bind(run.cache), ["embed"])).toEqual([]);
  });

  it("in generate and its steps", async () => {
    const options = {
      capture: "embed",
      maxTokens: 2,
      temperature: 0.5,
      topK: 3,
      topP: 0.9,
      minP: 0.1,
      repeatPenalty: 1.1,
      seed: 1,
      stop: ["x"],
      signal: new AbortController().signal,
    };
    const generated = (...args: Parameters<Model["generate"]>) => (model.generate(...args) as Generation).text();
    expect(await rawErrors("generate", generated, [ids, options])).toEqual([]);
    for await (const step of model.generate(ids, { maxTokens: 1 }))
      expect(await rawErrors("step.top", step.top, [3])).toEqual([]);
  });

  it("in with, and in interventions of every kind", async () => {
    const changed = (...args: Parameters<Model["with"]>) => {
      const view = model.with(...args);
      void [view.interventions, `${view}`, view.memory];
      view.dispose();
    };
    const where = { tokens: [0, 2], neurons: [1, 5] };
    const vector = new Float32Array(small.hidden);
    const mid = run.cache.get("blocks.*.ffn.mid").at({ layer: 0 });
    const { data, dims, size } = mid;
    const interventions = [
      ablate("blocks.0.ffn.mid", where),
      { at: "blocks.0.ffn.mid", do: "scale", by: 2, where },
      { ...steer("blocks.0.resid_post", vector, 2), where: { tokens: [1] } },
      patch("blocks.0.ffn.mid", mid, { tokens: [1] }),
      { at: "blocks.0.ffn.mid", do: "replace", with: { data, dims: [...dims], size: { ...size } } },
    ];
    const change = { policy: { kind: "fatrelu", t: [0.1, 0.2] }, strategy: "dense", interventions };
    expect(await rawErrors("with", changed, [change])).toEqual([]);
    for (const [what, made, args] of [
      ["ablate", ablate, ["blocks.0.ffn.mid", where]],
      ["steer", steer, ["blocks.0.resid_post", vector, 2]],
      ["patch", patch, ["blocks.0.ffn.mid", mid, where]],
    ] as const) {
      const used = (...given: never[]) =>
        changed({ interventions: [(made as unknown as (...args: never[]) => never)(...given)] });
      expect(await rawErrors(what, used, args)).toEqual([]);
    }
  });

  it("in measure, sweep and fatrelu", async () => {
    const options = {
      measure: ["sparsity", "kl"],
      reference: other,
      window: 8,
      signal: new AbortController().signal,
      onProgress: () => undefined,
    };
    const { onProgress, ...rest } = options;
    const swept = (...args: Parameters<typeof sweep>) => drained(sweep(...args));
    expect(await rawErrors("measure", measure, [model, { ...text }, options])).toEqual([]);
    expect(
      await rawErrors("sweep", swept, [
        model,
        { ...rest, on: { ...text }, onUpdate: onProgress, over: [{ kind: "fatrelu", t: [0.1, 0.2] }, { kind: "as-trained" }] },
      ]),
    ).toEqual([]);
    expect(await rawErrors("fatrelu", fatrelu, [0, 0.1])).toEqual([]);
  });

  it("in tensors", async () => {
    expect(await rawErrors("tensor", tensor, [new Float32Array(6), ["a", "b"], [2, 3]])).toEqual([]);
    const x = tensor(Float32Array.of(1, 2, 3, 4, 5, 6), ["a", "b"], [2, 3]);
    const y = { data: x.data, dims: ["a", "b"], size: { a: 2, b: 3 } };
    const calls: Record<string, readonly unknown[]> = {
      at: [{ a: 1, b: -1 }],
      slice: ["b", 0, 2],
      mean: ["a"],
      max: ["a"],
      argmax: ["a"],
      sum: ["a"],
      norm: ["a"],
      top: [2],
      map: [Math.abs],
      add: [y],
      sub: [y],
      mul: [y],
      dot: [new Float32Array(3)],
      cosine: [{ ...y, data: new Float32Array(3), dims: ["b"], size: { b: 3 } }],
      toArray: [],
    };
    const methods = x as unknown as Record<string, (...args: never[]) => unknown>;
    for (const [method, args] of Object.entries(calls))
      expect(await rawErrors(method, (...given) => methods[method]!.call(x, ...(given as never[])), args)).toEqual([]);
  });

  it("in the tokenizer", async () => {
    const { tokenizer: t } = model;
    expect(await rawErrors("encode", t.encode.bind(t), ["a bad cab", { bos: true, special: true }])).toEqual([]);
    expect(await rawErrors("decode", t.decode.bind(t), [ids])).toEqual([]);
    expect(await rawErrors("pieces", t.pieces.bind(t), [ids])).toEqual([]);
    expect(await rawErrors("single", t.single.bind(t), ["a"])).toEqual([]);
    expect(await rawErrors("template", t.template.bind(t), [[{ role: "user", content: "a" }]])).toEqual([]);
  });

  it("in plot, show and save", async () => {
    const [point] = points;
    expect(await rawErrors("plot.pareto", plot.pareto, [points.slice(), "kl"])).toEqual([]);
    expect(await rawErrors("plot.pareto", plot.pareto, [[{ ...point }], "perplexity"])).toEqual([]);
    expect(await rawErrors("plot.threshold", plot.threshold, [[{ ...point }], "kl"])).toEqual([]);
    expect(await rawErrors("plot.sparsityByLayer", plot.sparsityByLayer, [{ ...report }])).toEqual([]);
    expect(await rawErrors("plot.tokenLayer", plot.tokenLayer, [{ pieces: [...run.pieces], sparsity: run.sparsity }])).toEqual(
      [],
    );
    // A notebook without a page: in a script each figure would be a file.
    const none = () => undefined;
    const services = globalThis as { [key: symbol]: unknown };
    const symbol = Symbol.for("sparselab.notebook");
    services[symbol] = { display: none, update: none, cell: () => "1", atEnd: none, signal: () => new AbortController().signal };
    try {
      const layout = { title: { text: "title", subtitle: { text: "sub" } }, xaxis: { range: [0, 1] } };
      expect(await rawErrors("show", show, [{ data: [{ type: "scatter", x: [0], y: [1] }], layout }])).toEqual([]);
    } finally {
      delete services[symbol];
    }
    expect(await rawErrors("save", save, [join(dir.path, "points.json"), [{ ...report }]])).toEqual([]);
    expect(await rawErrors("save", save, [join(dir.path, "points.csv"), [{ a: 1 }]])).toEqual([]);
  });
});
