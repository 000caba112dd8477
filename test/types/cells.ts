/**
 * The cells that the API is designed for: those that are built must type-check against the lab, and each misuse must be a type error. Nothing here
 * runs; the compiler is the test.
 */
import {
  ablate,
  corpus,
  type Figure,
  fatrelu,
  load,
  measure,
  patch,
  plot,
  save,
  show,
  steer,
  sweep,
  type Tensor,
  tinyWorld,
} from "../../lab/index.js";

export async function cells(): Promise<void> {
  // 1 look
  const model = await load("MiniCPM-S-1B-sft.gguf", { activation: "fatrelu_0.03" });
  const run = await model.run("The Eiffel Tower is in", {
    capture: ["blocks.*.ffn.mid", "blocks.12.resid_post"],
    logits: "last",
  });
  const mid = run.cache.get("blocks.*.ffn.mid"); // layer × token × neuron
  const last = mid.at({ layer: 12, token: -1 }); // neuron
  for (const { index, value } of last.top(5)) console.log(index.neuron, value);
  show(plot.tokenLayer(run));
  const dims: ["neuron"] = last.dims;
  const one: ["token", "neuron"] = run.cache.get("blocks.3.ffn.mid").dims;
  const resid: ["token", "hidden"] = run.cache.get("blocks.12.resid_post").dims;
  const direction = run.cache.get("blocks.3.ffn.mid").mean("token"); // neuron
  const along: ["layer", "token"] = mid.cosine(direction).dims;
  console.log(dims, one, resid, along);

  // 2 generate
  const stop = new AbortController();
  for await (const step of model.generate([{ role: "user", content: "Write a haiku." }], {
    capture: "blocks.*.ffn.gate",
    maxTokens: 64,
    signal: stop.signal,
  })) {
    process.stdout.write(step.text);
    if (step.sparsity[0]! < 0.2) break;
    step.cache.get("blocks.*.ffn.gate").at({ token: 0 });
  }

  // 3 sweep
  const wiki = corpus("wikitext-2.txt", { maxTokens: 32768 });
  const live = show(plot.pareto([], "kl"));
  const points = [];
  for await (const p of sweep(model, {
    over: fatrelu(0, 0.005, 0.01, 0.02, 0.03, 0.05),
    on: wiki,
    measure: ["sparsity", "perplexity", "kl"],
    onUpdate: (running) => live.update(plot.pareto(running, "kl")),
    signal: AbortSignal.timeout(6e5),
  })) {
    points.push(p);
  }
  await save("sweep.json", points);
  const figures: Figure[] = [plot.pareto(points, "perplexity"), plot.threshold(points, "kl"), plot.sparsityByLayer(points[0]!)];
  console.log(figures.length);

  // 4 ablate, steer, patch
  const hot = await measure(model, wiki, { measure: ["sparsity"] });
  const cold = model.with({ interventions: [ablate("blocks.3.ffn.mid", { neurons: [17, 512] })] });
  const harm = await measure(cold, wiki, { measure: ["kl", "top1"], reference: model });
  console.log(harm.kl.mean, harm.top1.agreement, hot.sparsity.byLayer);
  using moved = model.with({
    interventions: [
      steer("blocks.5.resid_post", new Float32Array(model.hidden), 2),
      patch("blocks.12.resid_post", run.cache.get("blocks.12.resid_post")),
    ],
    policy: { kind: "fatrelu", t: 0.03 },
    strategy: "exact",
  });
  const any: Tensor = await moved.weight("blk.3.attn_q.weight");
  console.log(any.at({ row: 0 }).toArray());
  await load(tinyWorld);

  // misuse is caught while typing
  // @ts-expect-error  misspelt hook point
  model.run("x", { capture: "blocks.3.ffn.mdi" });
  // @ts-expect-error  not captured
  run.cache.get("blocks.3.resid_post");
  // @ts-expect-error  wrong field for this kind
  model.with({ policy: { kind: "fatrelu", threshold: 0.01 } });
  // @ts-expect-error  kl was not measured
  hot.kl;
  // @ts-expect-error  no such axis
  mid.at({ head: 3 });
  // @ts-expect-error  unknown activation
  load("a.gguf", { activation: "fatrelu-0.01" });
  // @ts-expect-error  a policy that is not built yet
  model.with({ policy: { kind: "top-k", share: 0.5 } });
  // @ts-expect-error  a strategy that is not built yet
  model.with({ strategy: "screened" });
  // @ts-expect-error  a measure that is not built yet
  measure(model, wiki, { measure: ["frequency"] });
  // @ts-expect-error  no such ending
  save("points.xlsx", points);
  // @ts-expect-error  kl was not measured in these points
  plot.pareto([{ ...points[0]!, kl: undefined }], "kl");
}
