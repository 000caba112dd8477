import { expect, test } from "vitest";
import { Cells } from "./cells.js";
import { EXPORTS } from "./hints.js";

test("an error says what to do about it", () => {
  const cells = new Cells(import.meta.dirname);
  const says = (code: string): string => {
    const reply = cells.check(code, "cell 1");
    return "failure" in reply ? reply.failure.evalue : "no failure";
  };
  expect(says("const m = await load('x')")).toBe("Cannot find name 'load'. Import it first: import { load } from \"sparselab\"");
  expect(says("slider(0, 1)")).toContain('import { slider } from "sparselab/notebook"');
  expect(says("print(1)")).toBe("Cannot find name 'print'. That is Python; here: console.log(x)");
  expect(says("const p = Promise.resolve([1]); p.map(String)")).toContain("Did you forget to use 'await'?");
  expect(says("function f(a: number, b: number) { return a + b }\nf(1)")).toBe(
    "Expected 2 arguments, but got 1. An argument for 'b' was not provided.",
  );
  expect(says("import { load } from sparselab")).toContain('name in quotes: "sparselab"');
  expect(says("for i in range(10): console.log(i)")).toContain("for (let i = 0; i < n; i++)");
  expect(says("def f(x): return x")).toBe("That is Python. Here: function f(x) { return … }");
  expect(says("if x == 1:\n  console.log(2)")).toContain("if (…) { … }");
  expect(says("for (const x in { a: 1 }) switch (x) { case 'a': }")).toBe("no failure");
});

test("a missing member: the error lists those that exist, for values of the lab", () => {
  const cells = new Cells(import.meta.dirname);
  const says = (code: string): string => {
    const reply = cells.check(code, "cell 1");
    return "failure" in reply ? reply.failure.evalue : "no failure";
  };
  expect(says("import { tensor } from 'sparselab'; let t!: import('sparselab').Tensor<['token']>; t.shape")).toMatch(
    /^Property 'shape' does not exist on type 'Tensor<\["token"\]>'\. It has: .*\btop\b.*\bdims\b.*\.$/,
  );
  expect(says("import * as sl from 'sparselab'; sl.zero('x')")).toMatch(
    /^Property 'zero' does not exist on type 'sparselab'\. It has: .*\bablate\b.*\.$/,
  );
  expect(
    says("import { type Model, fatrelu } from 'sparselab'; declare const m: Model; m.with({ policy: fatrelu(1) })"),
  ).toContain('A policy is { kind: "fatrelu", t: 1 }');
  expect(
    says("import { measure, type Model } from 'sparselab'; declare const k: Model; measure(k, 'a.txt', { measure: ['kl'] })"),
  ).toContain('A text file is corpus("file.txt"), a text itself corpus.text("…").');
  expect(
    says(
      "import { ablate, type Model } from 'sparselab'; declare const j: Model; j.with({ interventions: ablate('blocks.0.ffn.mid') })",
    ),
  ).toContain("Interventions are a list: [steer(…), ablate(…)].");
  expect(says("import { laod } from 'sparselab'")).toContain("Did you mean 'load'?");
  expect(says("import { zero } from 'sparselab'")).toContain("It exports: LabError, ablate, ");
  expect(says("console.lgo(1)")).toBe("Property 'lgo' does not exist on type 'Console'. Did you mean 'log'?");
  expect(says("[1].shape")).toBe("Property 'shape' does not exist on type 'number[]'.");
});

test("the exports that hints name are those of the modules", async () => {
  const ours = { sparselab: await import("../../lab/index.js"), "sparselab/notebook": await import("../notebook/index.js") };
  const others = new Set(["clearOutput", "display"]);
  for (const [name, module] of Object.entries(ours)) {
    expect([...EXPORTS[name]!].sort()).toEqual(
      Object.keys(module)
        .filter((n) => !others.has(n))
        .sort(),
    );
  }
});
