// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates inside the code of cells
/**
 * Ordinary cells, as somebody types them into a notebook: each program must pass the check and give the value beside it. And cells that are
 * certainly wrong, which must be stopped with a message that helps. Each string is a cell.
 */
export interface Program {
  readonly name: string;
  readonly cells: readonly string[];
  /** `text/plain` of the last cell's value. */
  readonly gives: string;
}

/** Begins the programs that use a model: the bundled one, and a text to measure. */
export const model = [
  'import { ablate, corpus, fatrelu, load, measure, patch, plot, save, show, steer, sweep, tensor, tinyWorld } from "sparselab"; const model = await load(tinyWorld);',
  'import { writeFileSync, readFileSync } from "node:fs"; writeFileSync("story.txt", "Once upon a time there was a little cat. ".repeat(60)); const text = corpus("story.txt", { maxTokens: 128 });',
];

export const plain: readonly Program[] = [
  { name: "an array that begins empty", cells: ["const xs = []; xs.push(1); xs.push(2); xs.length"], gives: "2" },
  { name: "an empty array filled by a later cell", cells: ["const ys = []", "ys.push({ t: 1 }); ys[0].t"], gives: "1" },
  {
    name: "reduce into an array",
    cells: ["const firsts = [[1, 2], [3]].reduce((all, x) => [...all, x[0]], []); firsts"],
    gives: "[ 1, 3 ]",
  },
  {
    name: "reduce into an object",
    cells: ['const lengths = ["a", "bb"].reduce((all, w) => { all[w] = w.length; return all }, {}); lengths.bb'],
    gives: "2",
  },
  {
    name: "the best so far begins as null",
    cells: [
      "let best = null; for (const point of [{ t: 1, kl: 3 }, { t: 2, kl: 1 }]) if (best === null || point.kl < best.kl) best = point; best.t",
    ],
    gives: "2",
  },
  {
    name: "the best so far, set in a closure",
    cells: ["let least = null; [3, 1, 2].forEach((x) => { if (!least || x < least) least = x }); least + 1"],
    gives: "2",
  },
  { name: "the best so far, a cell later", cells: ["let winner = null", "winner = { v: 7 }", "winner.v"], gives: "7" },
  { name: "undefined at first", cells: ["let last = undefined; for (const x of [1, 2]) last = x; last * 2"], gives: "4" },
  { name: "declared without a value", cells: ["let total; total = 1; total = total + 1; total"], gives: "2" },
  { name: "find", cells: ['const found = [{ k: "a", v: 1 }, { k: "b", v: 2 }].find((x) => x.k === "b").v; found'], gives: "2" },
  { name: "at", cells: ["[{ v: 1 }, { v: 2 }].at(-1).v"], gives: "2" },
  { name: "Map.get", cells: ['const m = new Map([["a", [1]]]); m.get("a").push(2); m.get("a").length'], gives: "2" },
  { name: "match", cells: ['"epoch 12".match(/epoch (\\d+)/)[1]'], gives: "'12'" },
  {
    name: "groups of a regular expression",
    cells: ['const { t } = /t=(?<t>[\\d.]+)/.exec("t=0.5").groups; Number(t)'],
    gives: "0.5",
  },
  {
    name: "a caught error's message",
    cells: ['let said = ""; try { JSON.parse("{") } catch (e) { said = e.name } said'],
    gives: "'SyntaxError'",
  },
  {
    name: "a caught error's code",
    cells: ['let code; try { require("fs").readFileSync("/none") } catch (e) { code = e.code } code'],
    gives: "'ENOENT'",
  },
  {
    name: "a class with fields given by its constructor",
    cells: ["class A { constructor(x) { this.x = x } double() { return this.x * 2 } }", "const a = new A(4); a.double() + a.x"],
    gives: "12",
  },
  {
    name: "a class with fields given by a method, and one that extends it",
    cells: [
      "class Counter { reset() { this.count = 0; return this } add() { this.count += 1; return this } }",
      "class Named extends Counter { constructor(name) { super(); this.name = name } } const c = new Named('n').reset().add(); [c.count, c.name]",
    ],
    gives: "[ 1, 'n' ]",
  },
  {
    name: "a generic class, a static field and a class expression",
    cells: [
      "class Box<T> { constructor(x: T) { this.made = [x]; } static of(x) { this.last = x; return new Box(x) } } const P = class { constructor() { this.q = 3 } };",
      "Box.of(5); [Box.last, new Box(1).made[0], new P().q]",
    ],
    gives: "[ 5, 1, 3 ]",
  },
  {
    name: "fields declared and never given",
    cells: ["class Point2 { x: number; y: number } const p2 = new Point2(); p2.x = 1; p2"],
    gives: "Point2 { x: 1, y: undefined }",
  },
  {
    name: "a function that makes objects",
    cells: ["function Neuron(i) { this.i = i } const n = new Neuron(3); n.i"],
    gives: "3",
  },
  {
    name: "parameters without types",
    cells: ["const norm = (v) => Math.sqrt(v.reduce((s, x) => s + x * x, 0)); norm([3, 4])"],
    gives: "5",
  },
  { name: "an object filled later", cells: ["const stats = {}; stats.mean = 3; stats.n = 2; stats.mean * stats.n"], gives: "6" },
  {
    name: "an object filled by another cell",
    cells: ["const results = { a: 1 }", "results.b = 2", "results.a + results.b"],
    gives: "3",
  },
  {
    name: "an object as a table",
    cells: ['const counts = {}; for (const w of "a b a".split(" ")) counts[w] = (counts[w] ?? 0) + 1; counts.a'],
    gives: "2",
  },
  {
    name: "a function with a property",
    cells: ["const memo = (x) => { memo.calls = (memo.calls ?? 0) + 1; return x }; memo(1); memo(2); memo.calls"],
    gives: "2",
  },
  { name: "a set that begins empty", cells: ["const seen = new Set(); seen.add(3); Math.max(...seen)"], gives: "3" },
  { name: "a map that begins empty", cells: ['const groups = new Map(); groups.set("a", [1]); groups.get("a")[0]'], gives: "1" },
  { name: "fill without a value", cells: ["Array(3).fill().map((_, i) => i * i)"], gives: "[ 0, 1, 4 ]" },
  {
    name: "a promise of one's own",
    cells: ["const later = await new Promise((done) => setTimeout(() => done({ v: 1 }), 1)); later.v"],
    gives: "1",
  },
  { name: "a promise of nothing", cells: ["await new Promise((done) => setTimeout(done, 1)); 'done'"], gives: "'done'" },
  { name: "the difference of two dates", cells: ["const began = new Date(0); (new Date(1500) - began) / 1000"], gives: "1.5" },
  { name: "counting with booleans", cells: ["let hits = 0; for (const x of [1, -1, 2]) hits += x > 0; hits"], gives: "2" },
  {
    name: "a constant as a switch",
    cells: ['const method = "kl"; let how = 0; if (method === "perplexity") how = 1; how'],
    gives: "0",
  },
  {
    name: "a constant as a switch, a cell later",
    cells: ['const mode = "fast"', 'switch (mode) { case "slow": "s"; break; default: } mode === "slow" ? 1 : 2'],
    gives: "2",
  },
  { name: "a flag", cells: ["const debug = false; if (debug === true) console.log(1); 'ok'"], gives: "'ok'" },
  { name: "a default that is never needed", cells: ["const width = 5 ?? 10; width || 3"], gives: "5" },
  {
    name: "JSON from a file",
    cells: ['require("fs").writeFileSync("x.json", "[1]"); JSON.parse(require("fs").readFileSync("x.json"))[0]'],
    gives: "1",
  },
  {
    name: "JSON of a response",
    cells: ["const answer = await new Response('{\"v\":[1,2]}').json(); answer.v.length"],
    gives: "2",
  },
  { name: "what is unknown", cells: ['const data: unknown = JSON.parse(\'{"a": {"b": 4}}\'); data.a.b'], gives: "4" },
  {
    name: "unknown, taken apart",
    cells: ["const whole: unknown = { a: 1, b: [2, 3] }; const { a: one, b: rest } = whole; [one, ...rest]"],
    gives: "[ 1, 2, 3 ]",
  },
  {
    name: "names of encodings in a loop",
    cells: ['const ways = ["hex", "base64"]; const out = []; for (const w of ways) out.push(Buffer.from("a").toString(w)); out'],
    gives: "[ '61', 'YQ==' ]",
  },
  { name: "parseInt of a number", cells: ["parseInt(3.7) + parseFloat('1.5')"], gives: "4.5" },
  { name: "an optional parameter as a number", cells: ["function half(x?: number) { return x / 2 } half(3)"], gives: "1.5" },
  {
    name: "the environment",
    cells: ["const seed = Number(process.env.NO_SUCH_SEED ?? 7); process.env.PATH.length > 0 && seed"],
    gives: "7",
  },
  {
    name: "destructuring with a default",
    cells: ["function plotIt({ width = 3, title } = {}) { return [width, title] } plotIt()", "plotIt({ title: 't' })"],
    gives: "[ 3, 't' ]",
  },
  {
    name: "entries of what was parsed",
    cells: ["Object.entries(JSON.parse('{\"a\":1}')).map(([k, v]) => k + v)"],
    gives: "[ 'a1' ]",
  },
  {
    name: "sorting records by a column chosen at run time",
    cells: ['const rows = [{ a: 2 }, { a: 1 }]; const column = ["a"][0]; rows.sort((x, y) => x[column] - y[column])[0].a'],
    gives: "1",
  },
  {
    name: "a number or a list",
    cells: ["let value = Math.random() < 2 ? [1, 2] : 3; Array.isArray(value) ? value.length : value"],
    gives: "2",
  },
  {
    name: "this in a function",
    cells: [
      "const counter = { n: 2, twice: function () { return [1].map(function () { return this }.bind(this))[0].n } }; counter.twice()",
    ],
    gives: "2",
  },
  {
    name: "a narrowed constant in a closure, a cell later",
    cells: [
      'const v = Math.random() < 2 ? 1 : ("a" as string | number)',
      'let fixed; if (typeof v === "number") fixed = [1].map((x) => x + v.toFixed().length); fixed',
    ],
    gives: "[ 2 ]",
  },
  {
    name: "a literal constant as a start, a cell later",
    cells: ['const start = 0, word = "a"', 'let i = start; i = 5; let w = word; w = "b"; [i, w]'],
    gives: "[ 5, 'b' ]",
  },
  {
    name: "a constant of either of two literals",
    cells: ['const which = Math.random() < 2 ? "a" : "b"', 'let chosen = which; chosen = "c"; chosen'],
    gives: "'c'",
  },
  { name: "sets in the notation of regular expressions", cells: ["/[\\p{L}--[a-z]]/v.test('A')"], gives: "true" },
  { name: "a well-formed string", cells: ['"a".isWellFormed() && "\\ud800".toWellFormed().length'], gives: "1" },
  {
    name: "a resizable buffer",
    cells: ["const room = new ArrayBuffer(8, { maxByteLength: 16 }); room.resize(12); [room.byteLength, room.resizable]"],
    gives: "[ 12, true ]",
  },
  {
    name: "waiting without blocking",
    cells: ["Atomics.waitAsync(new Int32Array(new SharedArrayBuffer(8)), 0, 1).value"],
    gives: "'not-equal'",
  },
  {
    name: "WebAssembly",
    cells: [
      "const wasm = new Uint8Array([0,97,115,109,1,0,0,0,1,7,1,96,2,127,127,1,127,3,2,1,0,7,7,1,3,97,100,100,0,0,10,9,1,7,0,32,0,32,1,106,11]); const { instance } = await WebAssembly.instantiate(wasm); instance.exports.add(2, 3)",
    ],
    gives: "5",
  },
  {
    name: "the types of a browser",
    cells: [
      '/// <reference lib="dom" />\nfunction title(d: Document) { return d.title } title({ title: "t" } as Document)',
      "let el: HTMLElement = null; el",
    ],
    gives: "null",
  },
  {
    name: "records that differ",
    cells: ['const pts = [{ x: 1, y: 2 }]; pts.push({ x: 3, y: 4, label: "a" }); pts.push({ x: 5 }); pts[1].label'],
    gives: "'a'",
  },
  { name: "settings that grow", cells: ["let cfg = { lr: 1 }; cfg = { ...cfg, steps: 5 }; cfg.steps + cfg.lr"], gives: "6" },
  {
    name: "rows of a name and a number",
    cells: [
      'const rows2 = [["a", 1.25], ["b", 2]]; rows2.sort((a, b) => b[1] - a[1]); rows2.map(([name, n]) => name.padEnd(2) + n.toFixed(1)).join()',
    ],
    gives: "'b 2.0,a 1.3'",
  },
  {
    name: "a map from such rows",
    cells: ['const byName = new Map([["a", 1], ["b", 2]].map((r) => r)); byName.get("b") * 2 + Math.sqrt([["c", 4]][0][1])'],
    gives: "6",
  },
  {
    name: "an object's entries, sorted",
    cells: ["const hist = {}; hist.a = 1; hist.b = 3; Object.entries(hist).sort((x, y) => y[1] - x[1])[0]"],
    gives: "[ 'b', 3 ]",
  },
  { name: "numbers spread into a function of two", cells: ["const pair = [2, 5]; Math.pow(...pair)"], gives: "32" },
  {
    name: "typed arrays in JSON",
    cells: ["JSON.stringify({ a: new Float32Array(2) }, (k, v) => (ArrayBuffer.isView(v) ? Array.from(v) : v))"],
    gives: `'{"a":[0,0]}'`,
  },
  { name: "an error with a code", cells: ['const err = new Error("x"); err.code = "E"; err.code'], gives: "'E'" },
  {
    name: "settled promises",
    cells: ["(await Promise.allSettled([Promise.resolve(1), Promise.reject(2)])).map((r) => r.value ?? r.reason)"],
    gives: "[ 1, 2 ]",
  },
  { name: "a loose comparison", cells: ['let eq = 0; if ("5" == 5) eq = 1; eq'], gives: "1" },
  { name: "a var declared again", cells: ['var again = 1; var again = "a"; again'], gives: "'a'" },
  { name: "one value of two kinds", cells: ['const maybe = Math.random() > 2 ? 5 : "abc"; maybe.length'], gives: "3" },
  {
    name: "a default for an argument left out",
    cells: ['function log(text, level) { level = level || "info"; return `${level}: ${text}` } log("a")'],
    gives: "'info: a'",
  },
  {
    name: "options of Node in an object",
    cells: [
      'const utf8 = { encoding: "utf8" }; require("fs").writeFileSync("y.txt", "a\\nb"); import { readFileSync as readText } from "fs"; readText("y.txt", utf8).split("\\n")',
    ],
    gives: "[ 'a', 'b' ]",
  },
  {
    name: "an assertion function without a type",
    cells: ['const { ok } = await import("node:assert"); ok(true); "fine"'],
    gives: "'fine'",
  },
  {
    name: "a linked list",
    cells: [
      "class Chain { constructor() { this.head = null; this.size = 0 } add(v) { this.head = { v, next: this.head }; this.size++; return this } *[Symbol.iterator]() { let c = this.head; while (c) { yield c.v; c = c.next } } } [...new Chain().add(1).add(2)]",
    ],
    gives: "[ 2, 1 ]",
  },
  {
    name: "a queue",
    cells: [
      "const queue = []; queue.push([0, 1]); let steps = 0; while (queue.length) { const [i, j] = queue.shift(); steps += j; if (i < 2) queue.push([i + 1, j]) } steps",
    ],
    gives: "3",
  },
  {
    name: "a matrix filled row by row",
    cells: ["const mat = []; for (let i = 0; i < 2; i++) { mat[i] = []; for (let j = 0; j < 2; j++) mat[i][j] = i * 2 + j } mat"],
    gives: "[ [ 0, 1 ], [ 2, 3 ] ]",
  },
  {
    name: "groups by reduce",
    cells: [
      "const parity = [1, 2, 3].reduce((acc, x) => ({ ...acc, [x % 2]: [...(acc[x % 2] || []), x] }), {}); parity[1].length",
    ],
    gives: "2",
  },
  {
    name: "ranks given to records",
    cells: ['const ranked = [{ n: "a" }, { n: "b" }].map((r, i) => { r.rank = i; return r }); ranked.at(-1).rank'],
    gives: "1",
  },
  {
    name: "a type with optional fields",
    cells: [
      "type Row3 = { a: number; b?: string }; const rows3: Row3[] = []; rows3.push({ a: 1, b: 'xy' })",
      "rows3.find((r) => r.a > 0).b.length",
    ],
    gives: "2",
  },
  {
    name: "how a slider stands, in a loop",
    cells: [
      'import { FloatSlider } from "sparselab/notebook"; const stands = []; for (const orientation of ["vertical", "horizontal"]) stands.push(new FloatSlider({ min: 0, max: 1, orientation }).orientation); stands',
    ],
    gives: "[ 'vertical', 'horizontal' ]",
  },
];

/** Programs on the bundled model. Each cell sees those of `model` above. */
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
    name: "a wrong plain string is told of when it runs",
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
    name: "a threshold for each block",
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

/** Cells that are certainly wrong, and what their error says. */
export const wrong: readonly { readonly cells: readonly string[]; readonly says: string | RegExp }[] = [
  { cells: ["const a1 = 1; a1.foo()"], says: "Property 'foo' does not exist on type" },
  { cells: ["undefinedName + 1"], says: "Cannot find name 'undefinedName'" },
  { cells: ['let n1 = 1; n1 = "a"'], says: "Type 'string' is not assignable to type 'number'" },
  { cells: ["const k1 = 1; k1 = 2"], says: "Cannot assign to 'k1' because it is a constant" },
  { cells: ["const k2 = [1]", "k2 = []"], says: "Cannot assign to 'k2' because it is a constant" },
  { cells: ['Math.sqrt("a")'], says: "Argument of type 'string' is not assignable to parameter of type 'number'" },
  { cells: ["function two(a, b) { return a + b } two(1)"], says: "Expected 2 arguments, but got 1" },
  { cells: ['"a".toUppercase()'], says: "Did you mean 'toUpperCase'" },
  { cells: ['import { readFil } from "node:fs"; readFil'], says: "has no exported member" },
  { cells: ['import x from "no-such-package"; x'], says: "Cannot find module 'no-such-package'" },
  { cells: ['const n2 = "a" - 1'], says: "left-hand side of an arithmetic operation" },
  { cells: ["class A3 { constructor(x) { this.x = x } } new A3(1).y"], says: "Property 'y' does not exist on type 'A3'" },
  { cells: ["const o1 = { width: 1 }; o1.widht"], says: "Did you mean 'width'" },
  { cells: ["[1] === [1]"], says: "JavaScript compares objects by reference" },
  { cells: ["const u1 = [1, 2] as const; u1[5]"], says: "has no element at index '5'" },
  { cells: ["y1 = 5"], says: "Declare it at its first assignment: let y1" },
  { cells: ["Array.fromAsync([1])"], says: /no Array\.fromAsync; Node 22 has it.*for await/ },
  { cells: ["Object.groupBy([1], (x) => x)"], says: /no Object\.groupBy; Node 21 has it/ },
  { cells: ["new Set([1]).union(new Set([2]))"], says: /no Set\.union; Node 22 has it.*new Set\(\[/ },
  { cells: ["[1].values().map((x) => x)"], says: /no Iterator\.prototype\.map.*\[\.\.\.iterator\]/ },
  { cells: ["new DisposableStack()"], says: /no DisposableStack; Node 24 has it/ },
  { cells: ['new WebSocket("ws://x")'], says: /no WebSocket; Node 22 has it/ },
  { cells: ["document.title"], says: /exists in browsers.*reference lib="dom"/ },
  { cells: ["$('#a')"], says: /^Cannot find name '\$'\.$/ },
  { cells: ['await model.run("a", { capture: "blocks.0.ffn.mdi" })'], says: /"blocks.0.ffn.mdi"' is not assignable/ },
  { cells: ['await model.run("a", { logits: "lst" })'], says: `Did you mean '"last"'` },
  { cells: ['await model.run([{ role: "usr", content: "x" }])'], says: `Did you mean '"user"'` },
  { cells: ['await model.run("a", { captur: "embed" })'], says: "Did you mean to write 'capture'" },
  {
    cells: ['const r1 = await model.run("a", { capture: "embed" }); r1.cache.get("logits")'],
    says: /"logits"' is not assignable/,
  },
  {
    cells: ['(await model.run("a", { capture: "embed" })).cache.get("embed").at({ neuron: 1 })'],
    says: /neuron' does not exist/,
  },
  { cells: ['await measure(model, text, { measure: ["perplexty"] })'], says: `Did you mean '"perplexity"'` },
  { cells: ['const r2 = await measure(model, text, { measure: ["sparsity"] }); r2.kl'], says: "Property 'kl' does not exist" },
  { cells: ['model.with({ policy: { kind: "fatrelu", threshold: 1 } })'], says: "'threshold' does not exist" },
  { cells: ['model.with({ policy: { kind: "fatrel", t: 1 } })'], says: /"fatrel"' is not assignable/ },
  { cells: ['model.with({ strategy: "exakt" })'], says: `Did you mean '"exact"'` },
  {
    cells: ['sweep(model, { over: [{ kind: "fatrelu", t: "a" }], on: text, measure: ["kl"] })'],
    says: "Type 'string' is not assignable to type",
  },
  { cells: ['ablate("blocks.0.ffn.mld")'], says: 'Did you mean "blocks.0.ffn.mid"?' },
  { cells: ['model.with({ interventions: [{ at: "embed", do: "zro" }] })'], says: `Did you mean '"zero"'` },
  { cells: ['plot.pareto([], "ppl")'], says: 'Known: "perplexity", "kl", "top1".' },
  { cells: ['await save("points.xlsx", [])'], says: /"points.xlsx"' is not assignable/ },
  { cells: ['await load(tinyWorld, { activation: "rleu" })'], says: /Known: .*"relu"/ },
  { cells: ['await load(tinyWorld, { kv: "f61" })'], says: /"f61"' is not assignable/ },
  { cells: ['tensor(new Float32Array(2), ["layer", "token"], [1, 2]).mean("neuron")'], says: 'Known: "layer", "token".' },
];
