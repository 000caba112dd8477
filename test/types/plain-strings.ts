/**
 * Names known only at run time, under TypeScript's full `strict`: a plain string, or a template with a hole, passes; a literal that is none of the
 * names is an error. The result for a plain string has a wide type. Nothing here runs; the compiler is the test.
 */
import {
  ablate,
  corpus,
  fatrelu,
  type HookPoint,
  type LoadOptions,
  load,
  type Message,
  type Model,
  measure,
  type Point,
  type Policy,
  patch,
  plot,
  type Report,
  type Run,
  type RunOptions,
  save,
  steer,
  sweep,
  type Tensor,
  tensor,
} from "../../lab/index.js";

/** Whether two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <_T extends true>(): void => undefined;

export async function captures(model: Model, layer: number, name: string): Promise<void> {
  const template = await model.run("x", { capture: `blocks.${layer}.ffn.mid` });
  const known = template.cache.get(`blocks.${layer}.ffn.mid`);
  same<Same<typeof known.dims, ["token", "neuron"]>>();

  // biome-ignore lint/style/useTemplate: it is the form that is meant
  const joined = "blocks." + layer + ".ffn.mid";
  const wide = (await model.run("x", { capture: joined })).cache.get(joined);
  same<Same<typeof wide.dims, readonly string[]>>();
  wide.at({ layer: 0, anything: 1 }).mean("whatever");

  // A hole that may hold anything, a layer's number or `*`: the axes are not known.
  const hole = (await model.run("x", { capture: [`blocks.${name}.ffn.mid`, "embed"] })).cache;
  same<Same<ReturnType<typeof hole.get<`blocks.${string}.ffn.mid`>>["dims"], readonly string[]>>();
  const embed = hole.get("embed");
  same<Same<typeof embed.dims, ["token", "hidden"]>>();

  // Options that were made earlier.
  const options = { capture: ["blocks.*.ffn.mid"], logits: "last" };
  (await model.run("x", options)).cache.get("blocks.*.ffn.mid").at({ layer: 0 });
  const written: RunOptions = { capture: ["embed", "blocks.0.ffn.mid"], logits: "none" };
  (await model.run("x", written)).cache.get("embed");
  for await (const step of model.generate("x", { capture: name })) step.cache.get("embed").at({ token: 0 });

  // @ts-expect-error  no such value
  model.run("x", { logits: "lst" });
  // @ts-expect-error  not captured
  template.cache.get("embed");
  // @ts-expect-error  no such point, whatever was captured
  wideCache(await model.run("x", { capture: name })).get("blocks.0.ffn.mdi");
  // @ts-expect-error  no such option
  model.run("x", { captures: name });
}
const wideCache = (run: Run) => run.cache;

export async function axes(grid: Tensor<["layer", "token"]>, axis: string): Promise<void> {
  const left = grid.mean("layer");
  same<Same<typeof left.dims, ["token"]>>();
  const any = grid.mean(axis);
  same<Same<typeof any.dims, readonly string[]>>();
  const fixed = grid.at({ [axis]: 1 });
  same<Same<typeof fixed.dims, readonly string[]>>();
  grid.slice(axis, 0);
  for (const name of ["layer", "token"]) grid.argmax(name);
  const kept: Tensor = grid;
  kept.sum("anything");
  // @ts-expect-error  no such axis
  grid.sum("neuron");
  // @ts-expect-error  no such axis
  grid.slice("neuron", 0);
}

export async function policies(model: Model, kind: string, strategy: string): Promise<void> {
  const policy = { kind: "fatrelu", t: 1 };
  model.with({ policy, strategy, interventions: [] });
  for (const one of [0, 1].map((t) => ({ kind: "fatrelu", t }))) model.with({ policy: one });
  const either: Policy = Math.random() < 1 ? { kind: "as-trained" } : { kind: "fatrelu", t: [1, 2] };
  model.with({ policy: either });
  model.with({ policy: model.policy, strategy: model.strategy, interventions: model.interventions });
  model.with({ policy: { kind, t: 1 } });
  // @ts-expect-error  no such kind
  model.with({ policy: { kind: "fatrel", t: 1 } });
  // @ts-expect-error  wrong field for this kind
  model.with({ policy: { kind: "fatrelu", threshold: 1 } });
  // @ts-expect-error  wrong type of a field, whatever the kind
  model.with({ policy: { kind, t: "1" } });
  // @ts-expect-error  no field of this kind
  model.with({ policy: { kind: "as-trained", t: 1 } });
  // @ts-expect-error  no such strategy
  model.with({ strategy: "exakt" });
}

export async function measures(model: Model): Promise<void> {
  const text = corpus("text.txt");
  const names = ["sparsity"];
  const wide = await measure(model, text, { measure: names });
  same<Same<typeof wide.kl.mean, number>>();
  same<Same<typeof wide.sparsity.byLayer, Float32Array>>();
  const narrow = await measure(model, text, { measure: ["sparsity", "kl"], reference: model });
  // @ts-expect-error  not measured
  narrow.perplexity;
  const report: Report<"kl"> = narrow;

  const points = [];
  for await (const p of sweep(model, { over: fatrelu(0, 1), on: text, measure: ["sparsity", "kl"] })) points.push(p);
  const ts: number[] = points.map((p) => p.setting.t);
  const kinds: "fatrelu"[] = points.map((p) => p.setting.kind);
  const kept: Point<"kl">[] = points;
  const widely = sweep(model, { over: [0, 1].map((t) => ({ kind: "fatrelu", t })), on: text, measure: names }).points;
  const more: number[] = widely.map((p) => p.setting.t + p.kl.mean);
  const mixed = sweep(model, { over: [{ kind: "as-trained" }, ...fatrelu(1)], on: text, measure: ["kl"] }).points;
  const some: (number | undefined)[] = mixed.map((p) => p.setting.t);
  for (const p of mixed) model.with({ policy: p.setting });
  for (const y of ["kl", "perplexity"]) plot.pareto(widely, y);
  for (const y of ["kl"]) plot.threshold(points, y);
  plot.pareto(points, "kl");
  plot.sparsityByLayer(wide, narrow, ...points);
  // @ts-expect-error  perplexity was not measured in these
  plot.pareto(points, "perplexity");
  // @ts-expect-error  no such measure of quality
  plot.pareto([], "ppl");
  // @ts-expect-error  no such kind
  sweep(model, { over: [{ kind: "fatrel", t: 1 }], on: text, measure: ["kl"] });
  console.log(report, ts, kinds, kept, more, some);
}

export async function others(model: Model, name: string, layer: number): Promise<void> {
  const options = { strategy: "exact", kv: "f32", device: "cpu", layout: "mmap", arithmetic: "float", activation: "relu" };
  await load("a.gguf", options);
  await load("a.gguf", { activation: `fatrelu_${0.03}`, policy: { kind: "fatrelu", t: 1 } });
  const written: LoadOptions = { strategy: "dense", threads: 2 };
  await load("a.gguf", written);
  // @ts-expect-error  no such type of cache
  await load("a.gguf", { kv: "f61" });
  // @ts-expect-error  no such activation
  await load("a.gguf", { activation: "rleu" });

  const messages = [{ role: "user", content: "hi" }];
  model.tokenizer.template(messages);
  await model.run(messages);
  model.generate(messages);
  const conversation: Message[] = [{ role: "system", content: "x" }];
  await model.run(conversation);
  // @ts-expect-error  no such role
  model.run([{ role: "usr", content: "hi" }]);
  // @ts-expect-error  no such role
  model.tokenizer.template([{ role: "usr", content: "hi" }]);

  const point: HookPoint = ablate(name).at;
  steer(`blocks.${layer}.resid_post`, new Float32Array(1));
  patch(`blocks.${layer}` + `.${name}`, tensor(new Float32Array(1), ["token", "hidden"], [1, 1]));
  const cuts = [0, 1].map((l) => ({ at: `blocks.${l}.ffn.mid`, do: "scale", by: 0.5 }));
  model.with({ interventions: [...cuts, ablate("embed"), { at: name, do: "zero" }] });
  // @ts-expect-error  no such point
  ablate("blocks.0.ffn.mld");
  // @ts-expect-error  no such kind of intervention
  model.with({ interventions: [{ at: name, do: "zro" }] });
  // @ts-expect-error  no such point, whatever is done
  model.with({ interventions: [{ at: "blocks.0.ffn.mld", do: name }] });
  // @ts-expect-error  a scale needs its factor
  model.with({ interventions: [{ at: "embed", do: "scale" }] });

  await save(name, { point });
  await save(`points-${layer}.csv`, []);
  // @ts-expect-error  no such ending
  save("points.xlsx", []);
}
