/** The lab's names are completed between quotes, though a plain string is accepted there, too. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Client } from "./client.js";

let kernel: Client;
beforeAll(async () => {
  kernel = await Client.start();
  for (const cell of [
    'import { ablate, corpus, fatrelu, load, measure, plot, steer, sweep, tinyWorld } from "sparselab"; const model = await load(tinyWorld); const text = corpus("x.txt");',
    'const run = await model.run("a", { capture: ["blocks.*.ffn.mid", "embed"] }); const points = sweep(model, { over: fatrelu(0), on: text, measure: ["kl", "sparsity"] }).points;',
  ]) {
    const { reply } = await kernel.execute(cell);
    expect(`${reply.status} ${reply.evalue ?? ""}`).toBe("ok ");
  }
});
afterAll(() => kernel.close());

/** The cursor is at `|`. */
const offered = async (code: string): Promise<string[]> =>
  (await kernel.request("complete_request", { code: code.replace("|", ""), cursor_pos: code.indexOf("|") })).reply.matches;

test.each([
  ['model.run("a", { capture: "blocks.3.ffn.m|" })', ["blocks.3.ffn.mid"]],
  ['model.run("a", { capture: ["embed", "fi|"] })', ["final_norm"]],
  ['model.generate("a", { capture: "blocks.*.resid_po|" })', ["blocks.*.resid_post"]],
  ['model.run("a", { logits: "|" })', ["all", "last", "none"]],
  ['model.run([{ role: "|", content: "" }])', ["assistant", "system", "user"]],
  ['model.tokenizer.template([{ role: "u|", content: "" }])', ["user"]],
  ['measure(model, text, { measure: ["|"] })', ["kl", "perplexity", "predictor", "sparsity", "top1"]],
  ['sweep(model, { over: fatrelu(0), on: text, measure: ["kl", "to|"] })', ["top1"]],
  ['sweep(model, { over: [{ kind: "|" }], on: text, measure: ["kl"] })', ["as-trained", "fatrelu"]],
  ['model.with({ policy: { kind: "|" } })', ["as-trained", "fatrelu"]],
  ['model.with({ strategy: "e|" })', ["exact"]],
  ['model.with({ interventions: [{ at: "blocks.0.ffn.m|", do: "zero" }] })', ["blocks.0.ffn.mid"]],
  ['model.with({ interventions: [{ at: "embed", do: "|" }] })', ["add", "call", "replace", "scale", "zero"]],
  ['ablate("blocks.2.ffn.m|")', ["blocks.2.ffn.mid"]],
  ['steer("blocks.2.resid_m|", x)', ["blocks.2.resid_mid"]],
  ['load(tinyWorld, { activation: "s|" })', ["silu"]],
  ['load(tinyWorld, { strategy: "d|" })', ["dense"]],
  ['load(tinyWorld, { kv: "|" })', ["f16", "f32"]],
  ['run.cache.get("|")', ["blocks.*.ffn.mid", "embed"]],
  ['run.cache.get("blocks.1.|")', ["blocks.1.ffn.mid"]],
  ['run.cache.get("embed").mean("|")', ["hidden", "token"]],
  ['plot.pareto(points, "|")', ["kl", "perplexity", "top1"]],
  // Other options and fields.
  ['model.run("a", { log| })', ["logits"]],
  ['model.with({ policy: { kind: "fatrelu", | } })', ["t"]],
  ["model.with({ | })", ["cutoff", "interventions", "policy", "strategy"]],
  ["points[0].setting.|", ["kind", "t"]],
])("%s", async (code, names) => expect(await offered(code)).toEqual(names));

test("help on a variable of an earlier cell has the comment above it", async () => {
  const { reply } = await kernel.execute(
    "/** How it is set. */\nconst conf = { a: 1 };\n/** What comes out. */\nlet out = [1];\n/** Twice. */\nconst f = (x) => 2 * x",
  );
  expect(reply.status).toBe("ok");
  const help = async (name: string): Promise<string> =>
    (await kernel.request("inspect_request", { code: name, cursor_pos: name.length, detail_level: 1 })).reply.data["text/plain"];
  expect(await help("conf")).toBe("const conf: {\n    a: number;\n}\n\nHow it is set.\n\nconst conf = { a: 1 };");
  expect(await help("out")).toBe("let out: number[]\n\nWhat comes out.\n\nlet out = [1];");
  expect(await help("f")).toContain("Twice.");
});
