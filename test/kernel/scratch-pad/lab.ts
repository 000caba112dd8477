// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates inside the code of cells
/** Programs on the bundled model. */
import type { Program } from "./program.js";

/** The cells that run first: they load the model and write a text to measure. */
export const model = [
  'import { ablate, corpus, fatrelu, load, measure, patch, plot, save, show, steer, sweep, tensor, tinyWorld } from "sparselab"; const model = await load(tinyWorld);',
  'import { writeFileSync, readFileSync } from "node:fs"; writeFileSync("story.txt", "Once upon a time there was a little cat. ".repeat(60)); const text = corpus("story.txt", { maxTokens: 128 });',
];

/** Programs that run after the cells of `model`. */
export const lab: readonly Program[] = [
  {
    name: "hook points made in a loop",
    cells: [
      'const norms = []; for (let l = 0; l < model.layers; l++) { const run = await model.run("Once upon a time", { capture: `blocks.${l}.ffn.mid` }); norms.push(run.cache.get(`blocks.${l}.ffn.mid`).norm("neuron").data.length) } norms.length === model.layers',
    ],
    gives: "true",
  },
  {
    name: "hook points joined by plus",
    cells: [
      'const l0 = 1; const point = "blocks." + l0 + ".ffn.mid"; const run1 = await model.run("Once", { capture: point }); run1.cache.get(point).at({ token: -1 }).dims',
    ],
    gives: "[ 'neuron' ]",
  },
  {
    name: "a list of hook points",
    cells: [
      'const points1 = [0, 1].map((l) => "blocks." + l + ".resid_post"); const run2 = await model.run("Once", { capture: points1 }); points1.map((p) => run2.cache.get(p).size.hidden === model.hidden)',
    ],
    gives: "[ true, true ]",
  },
  {
    name: "options in an object",
    cells: [
      'const options = { capture: "blocks.*.ffn.mid", logits: "last" }; const run3 = await model.run("Once upon", options); run3.cache.get("blocks.*.ffn.mid").at({ layer: 0, token: 0 }).dims',
    ],
    gives: "[ 'neuron' ]",
  },
  {
    name: "one of the model's own hook points",
    cells: [
      'const mid = model.hookPoints.find((p) => p.endsWith("ffn.mid")); (await model.run("a", { capture: mid })).cache.hookPoints',
    ],
    gives: "[ 'blocks.*.ffn.mid' ]",
  },
  {
    name: "an axis chosen at run time",
    cells: [
      'const grid = tensor(new Float32Array([1, 2, 3, 4]), ["layer", "token"], [2, 2]); ["layer", "token"].map((axis) => grid.mean(axis).data[0])',
    ],
    gives: "[ 2, 1.5 ]",
  },
  {
    name: "a place chosen at run time",
    cells: ['const axis1 = ["layer"][0]; const spot = { [axis1]: 1 }; grid.at(spot).data[0]'],
    gives: "3",
  },
  {
    name: "a policy in a variable",
    cells: ['const policy = { kind: "fatrelu", t: 1 }; model.with({ policy }).policy.t'],
    gives: "1",
  },
  {
    name: "policies made by map",
    cells: [
      'const policies = [0, 1].map((t) => ({ kind: "fatrelu", t })); policies.map((policy) => model.with({ policy }).policy.kind)',
    ],
    gives: "[ 'fatrelu', 'fatrelu' ]",
  },
  {
    name: "a strategy in a loop",
    cells: ['const all = []; for (const strategy of ["dense", "exact"]) all.push(model.with({ strategy }).strategy); all'],
    gives: "[ 'dense', 'exact' ]",
  },
  {
    name: "options of load",
    cells: ['const how1 = { strategy: "dense", kv: "f32", threads: 1 }; (await load(tinyWorld, how1)).strategy'],
    gives: "'dense'",
  },
  {
    name: "names of measures in a variable",
    cells: [
      'const names = ["sparsity"]; const report = await measure(model, text, { measure: names, window: 64 }); report.sparsity.mean > 0 && report.sparsity.mean < 1',
    ],
    gives: "true",
  },
  {
    name: "a measure chosen at run time",
    cells: [
      'const chosen1 = ["perplexity", "sparsity"]; const r = await measure(model, text, { measure: chosen1, window: 64 }); chosen1.map((name) => typeof r[name])',
    ],
    gives: "[ 'object', 'object' ]",
  },
  {
    name: "a sweep, its thresholds",
    cells: [
      'const points = []; for await (const p of sweep(model, { over: fatrelu(0, 0.5), on: text, measure: ["sparsity", "kl"], window: 64 })) points.push(p); points.map((p) => p.setting.t)',
    ],
    gives: "[ 0, 0.5 ]",
  },
  {
    name: "a sweep over records, measures in a variable",
    cells: [
      'const points2 = []; const what = ["sparsity", "kl"]; for await (const p of sweep(model, { over: [0, 0.5].map((t) => ({ kind: "fatrelu", t })), on: text, measure: what, window: 64 })) points2.push(p);',
      "let best2 = null; for (const p of points2) if (!best2 || p.sparsity.mean > best2.sparsity.mean) best2 = p; best2.setting.t + 0 * points2[0].kl.p99",
    ],
    gives: "0.5",
  },
  {
    name: "what a sweep has of its points",
    cells: [
      'const s3 = sweep(model, { over: [{ kind: "as-trained" }, ...fatrelu(0.5)], on: text, measure: ["sparsity"], window: 64 }); for await (const _ of s3) {} s3.points.map((p) => p.setting.t)',
    ],
    gives: "[ undefined, 0.5 ]",
  },
  {
    name: "plots of a measure in a loop",
    cells: [
      'const figures = ["kl"].map((y) => plot.pareto(points, y)); const more = ["kl"].map((y) => plot.threshold(points2, y)); figures.length + more.length',
    ],
    gives: "2",
  },
  {
    name: "saving under a name made at run time",
    cells: [
      'const ending = ["json"][0]; const path1 = "points." + ending; await save(path1, points2); await save(`points-${1}.csv`, { a: 1 }); JSON.parse(readFileSync(path1)).length',
    ],
    gives: "2",
  },
  {
    name: "interventions made in a loop",
    cells: [
      'const cuts = [0, 1].map((l) => ablate(`blocks.${l}.ffn.mid`, { neurons: [l] })); cuts.push(ablate("blocks." + 1 + ".ffn.out")); model.with({ interventions: cuts }).interventions.length',
    ],
    gives: "3",
  },
  {
    name: "interventions as records",
    cells: [
      'const records = [0, 1].map((l) => ({ at: `blocks.${l}.ffn.mid`, do: "scale", by: 0.5 })); model.with({ interventions: records }).interventions[1].do',
    ],
    gives: "'scale'",
  },
  {
    name: "steering at a point chosen at run time",
    cells: [
      'const where = "blocks.1.resid_post".replace("1", "0"); const moved = model.with({ interventions: [steer(where, new Float32Array(model.hidden).fill(0.1))] }); (await moved.run("Once")).tokens.length > 0',
    ],
    gives: "true",
  },
  {
    name: "patching one run into another",
    cells: [
      'const name1 = "blocks.0." + "resid_post"; const clean = await model.run("Once", { capture: [name1] }); const patched = model.with({ interventions: [patch(name1, clean.cache.get(name1))] }); (await patched.run("Once")).perplexity > 0',
    ],
    gives: "true",
  },
  {
    name: "a generation's tokens",
    cells: [
      'const tokens = []; for await (const step of model.generate("Once upon", { maxTokens: 3, capture: ["blocks.0.ffn." + "gate"] })) tokens.push(step.cache.get("blocks.0.ffn.gate").dims.length); tokens',
    ],
    gives: "[ 2, 2, 2 ]",
  },
  {
    name: "messages in a variable",
    cells: [
      'const messages = [{ role: "user", content: "hi" }]; const asked = model.tokenizer.template(messages); (await model.run(messages)).tokens.length === (await model.run(asked)).tokens.length',
      'let refusal = ""; try { await model.run([{ role: ["usr"][0], content: "hi" }]) } catch (e) { refusal = e.message } refusal.match(/Did you mean "[^"]*"/)[0]',
    ],
    gives: `'Did you mean "user"'`,
  },
  {
    name: "a weight chosen at run time",
    cells: ['const matrix = await model.weight("blk.0." + "ffn_up" + ".weight"); matrix.size.row === model.neurons'],
    gives: "true",
  },
  {
    name: "a wrong plain string is an error when it runs",
    cells: [
      'const wrong = "blocks.0.ffn." + "mdi"; let told = ""; try { await model.run("a", { capture: wrong }) } catch (e) { told = e.message.match(/Did you mean "[^"]*"/)[0] } told',
    ],
    gives: `'Did you mean "blocks.0.ffn.mid"'`,
  },
  {
    name: "options of measure and sweep in objects",
    cells: [
      'const asked2 = { measure: ["kl", "sparsity"], reference: model, window: 64 }; const r5 = await measure(model, text, asked2); const over5 = { over: fatrelu(0, 1), on: text, measure: ["kl", "sparsity"], window: 64 }; const p5 = []; for await (const p of sweep(model, over5)) p5.push(p); plot.pareto(p5, "kl"); plot.sparsityByLayer(r5, ...p5); [r5.kl.mean, p5.length, p5[1].setting.t]',
    ],
    gives: "[ 0, 2, 1 ]",
  },
  {
    name: "directions kept in an object",
    cells: [
      'const dirs = {}; for (const p of ["Once", "The cat"]) { const r = await model.run(p, { capture: "blocks.0.resid_post" }); dirs[p] = r.cache.get("blocks.0.resid_post").at({ token: -1 }) } dirs["Once"].sub(dirs["The cat"]).data.length === model.hidden',
    ],
    gives: "true",
  },
  {
    name: "functions of one's own over a model",
    cells: [
      'function study(m, layer) { return m.run("Once", { capture: `blocks.${layer}.ffn.mid` }) } const st = await study(model, 0); st.cache.get("blocks.0.ffn.mid").dims',
      'import type { Run, Tensor } from "sparselab"; function widths(r: Run, x: Tensor) { return [r.cache.hookPoints.length, x.dims.length] } widths(st, st.cache.get("blocks.0.ffn.mid"))',
    ],
    gives: "[ 1, 2 ]",
  },
  {
    name: "points captured by a list of kinds",
    cells: [
      'const kinds = ["ffn.gate", "ffn.mid"]; const caps = kinds.map((k) => `blocks.*.${k}`); const rz = await model.run("Once", { capture: caps }); caps.map((c) => rz.cache.get(c).mean("token").size.layer === model.layers)',
    ],
    gives: "[ true, true ]",
  },
  {
    name: "a threshold for each layer",
    cells: [
      'const perBlock = Array.from({ length: model.layers }, (_, l) => 0.1 * l); model.with({ policy: { kind: "fatrelu", t: perBlock } }).policy.t.length === model.layers',
    ],
    gives: "true",
  },
  {
    name: "views kept in an object",
    cells: [
      'const views = { dense: model.with({ strategy: "dense" }), exact: model.with({ strategy: "exact" }) }; const ppls = []; for (const [name, v] of Object.entries(views)) ppls.push((await v.run("Once upon a time")).perplexity); ppls[0] === ppls[1]',
    ],
    gives: "true",
  },
  {
    name: "the likeliest tokens",
    cells: [
      '(await model.run("Once upon a")).logits.at({ token: -1 }).top(2).map(({ index, value }) => model.tokenizer.decode([index.vocab]).length > 0 && value > -1e9)',
    ],
    gives: "[ true, true ]",
  },
];
