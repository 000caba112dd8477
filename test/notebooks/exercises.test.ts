/**
 * The exercises at the end of each notebook, solved as a learner would: below the notebook's own cells, with what these import and what the exercise
 * names. Each must run and print the answer.
 */
import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { python } from "../../scripts/lib/paths.mjs";
import { codeCells, folder, type Notebook, read, root, text } from "./notebook.js";

const written: string[] = [];
afterAll(() => written.forEach((path) => void rmSync(path, { force: true })));

/** Runs a notebook's own cells and then `answers`; gives what each answer printed, and the notebook. */
async function solve(name: string, answers: readonly string[]): Promise<string[]> {
  const notebook = read(join(folder, name));
  const mine = answers.map((source, i) => ({
    cell_type: "code",
    id: `answer-${i}`,
    metadata: {},
    source,
    outputs: [],
    execution_count: null,
  }));
  // Beside the notebook, where its models are.
  const path = join(folder, `exercises-${name}`);
  written.push(path);
  writeFileSync(path, JSON.stringify({ ...notebook, cells: [...notebook.cells, ...mine] }));
  const found = await new Promise<string>((resolve) => {
    execFile(python, [join(root, "test", "notebooks", "run.py"), "--json", path], { maxBuffer: 1 << 26 }, (_, stdout) =>
      resolve(stdout),
    );
  });
  const [{ problems, executed }] = JSON.parse(found) as [{ problems: string[]; executed: string }];
  expect(problems).toEqual([]);
  return codeCells(read(executed))
    .slice(-answers.length)
    .map((cell) =>
      // Outputs are kept apart, so that a progress line and a print do not share a line.
      (cell.outputs ?? []).map((output) => text(output.text) + text(output.data?.["text/plain"] as string)).join("\n"),
    );
}

const exercises = (notebook: Notebook) => text(notebook.cells.find(({ id }) => id === "exercises")!.source);
const count = (name: string) => exercises(read(join(folder, name))).match(/^\d+\. /gm)!.length;

describe("01-sparsity-against-quality", () => {
  const name = "01-sparsity-against-quality.ipynb";
  const answers = [
    // 1. A finer sweep.
    `const fine = sweep(model, {
  over: fatrelu(0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1, 1.05),
  on: held,
  measure: ["sparsity", "perplexity", "kl", "top1"],
});
for await (const point of fine) console.log(thresholdOf(point), point.perplexity.value <= 1.02 * base ? "within" : "beyond");`,
    // 2. More text.
    `const longer = corpus("models/held.txt", { maxTokens: 8192 });
const again = await measure(model, longer, { measure: ["sparsity", "perplexity"] });
for (const { perplexity } of [plain, again]) console.log(perplexity.value, perplexity.stderr, perplexity.bitsPerByte);`,
    // 3. One threshold for all?
    `const others: typeof points[number][] = [];
for await (const point of sweep(model, {
  over: [{ kind: "fatrelu", t: [0.5, 1, 1.5, 1.5, 1, 0.5] }],
  on: held,
  measure: ["sparsity", "perplexity", "kl", "top1"],
})) others.push(point);
plot.pareto([...points, ...others], "perplexity")`,
    // 4. Many neurons.
    `const block3 = mid.at({ layer: 3, token: -1 }).map(Math.abs);
const ranked = block3.top(block3.data.length).filter(({ value }) => value > 0).map(({ index }) => index.neuron);
for (const neurons of [ranked.slice(0, 10), ranked.slice(-10)]) {
  const q = await next(model.with({ interventions: [ablate("blocks.3.ffn.mid", { neurons, tokens })] }));
  console.log(best(q), kl(p, q));
}`,
    // 5. Other words.
    `const both = await model.run(text, { capture: ["blocks.*.ffn.gate", "blocks.*.ffn.mid"] });
const zeros = (data: Float32Array) => data.filter((value) => value === 0).length;
console.log(zeros(both.cache.get("blocks.*.ffn.gate").data) <= zeros(both.cache.get("blocks.*.ffn.mid").data));`,
    // 6. Keep your results.
    `import { save } from "sparselab";
await save("sweep.csv", points);
await plot.pareto(points, "kl").save("pareto.svg");`,
  ];

  test("each exercise works as it asks", { timeout: 300_000 }, async () => {
    expect(answers.length).toBe(count(name));
    written.push(join(folder, "sweep.csv"), join(folder, "pareto.svg"));
    const printed = await solve(name, answers);
    expect(printed[0]!.match(/[\d.]+ (within|beyond)$/gm)?.length).toBe(8);
    expect(printed[1]!.match(/^[\d.]+ [\d.]+ [\d.]+$/gm)?.length).toBe(2);
    expect(printed[2]).toMatch(/Sparsity against perplexity/);
    expect(printed[3]!.trim().split("\n").length).toBe(2);
    expect(printed[4]!.trim()).toBe("true");
    expect(readFileSync(join(folder, "sweep.csv"), "utf8").trim().split("\n").length).toBe(10);
    expect(readFileSync(join(folder, "pareto.svg"), "utf8")).toMatch(/^<svg|<\?xml/);
    // An exercise says how to import what the notebook has not imported.
    expect(exercises(read(join(folder, name)))).toContain('import { save } from "sparselab"');
  });
});

describe("02-move-the-threshold", () => {
  const name = "02-move-the-threshold.ipynb";
  const answers = [
    // 1. The first word that changes.
    `const said = async (t: number) =>
  (await model.with({ policy: { kind: "fatrelu", t } }).generate(opening, { maxTokens: 60 }).text());
const plainly = await said(0);
let first_t = 0;
for (let tenth = 1; tenth <= 40 && first_t === 0; tenth++) if ((await said(tenth / 10)) !== plainly) first_t = tenth / 10;
console.log("changes at", first_t);
const there = await measure(model.with({ policy: { kind: "fatrelu", t: first_t } }), held, { measure: ["perplexity"] });
console.log(there.perplexity.value);`,
    // 2. Your own opening.
    `interact(
  async ({ t, opening }) => {
    const view = model.with({ policy: { kind: "fatrelu", t } });
    console.log(opening + (await view.generate(opening, { maxTokens: 20 }).text()));
  },
  { t: slider(0, 4, { step: 0.1 }), opening: "Milo lives in Tidewick." },
);`,
    // 3. More randomness.
    `interact(
  async ({ temperature, seed, upper, start }) => {
    const told = await model.generate(start, { temperature, seed, maxTokens: 20 }).text();
    console.log(upper ? told.toUpperCase() : told);
  },
  { temperature: slider(0, 2, { step: 0.1, value: 0.8 }), seed: 7, upper: true, start: ["Milo went to", "Mirra was in"] },
);`,
    // 4. Patterns.
    `const active = new Float64Array(model.layers * model.neurons);
for await (const step of model.generate(opening, { maxTokens: 30, capture: "blocks.*.ffn.mid" })) {
  step.cache.get("blocks.*.ffn.mid").data.forEach((value, i) => (active[i] += value === 0 ? 0 : 1));
}
console.log("never", active.filter((n) => n === 0).length, "always", active.filter((n) => n === 30).length);`,
    // 5. Two at once.
    "display(new HBox([first, play]));",
  ];

  test("each exercise works as it asks", { timeout: 300_000 }, async () => {
    expect(answers.length).toBe(count(name));
    const printed = await solve(name, answers);
    expect(printed[0]).toMatch(/changes at 0\.\d\n[\s\S]*^1\.\d+$/m);
    expect(printed[1]).toMatch(/controls: t = 0, opening = /);
    expect(printed[2]).toMatch(/controls: temperature = 0\.8, seed = 7/);
    expect(printed[3]).toMatch(/never \d+ always \d+/);
    expect(printed[4]).toMatch(/HBox/);
  });
});
