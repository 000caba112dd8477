// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates inside the code of cells
/** Programs in plain TypeScript, on Node. */
import type { Program } from "./program.js";

export const language: readonly Program[] = [
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
