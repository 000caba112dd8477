/** What the fifth notebook says in words is what its own outputs show. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { codeCells, folder, read, text } from "./notebook.js";

const notebook = read(join(folder, "05-a-real-model.ipynb"));
const printed = (id: string): string =>
  (codeCells(notebook).find((cell) => cell.id === id)!.outputs ?? []).map((output) => text(output.text ?? "")).join("");

test("no neuron is silent", () => {
  expect(printed("silent")).toMatch(/^0 of \d+ values are exactly 0\n$/);
});

test("the smallest half costs very little by x₁, and much by the gate", () => {
  const numbers = Array.from(printed("cut").matchAll(/(\d+) % cut: perplexity ([\d.]+) by x₁, ([\d.]+) by the gate/g), (m) =>
    m.slice(1).map(Number),
  );
  const uncut = Number(/nothing cut: perplexity ([\d.]+)/.exec(printed("cut"))![1]);
  expect(numbers.map(([share]) => share)).toEqual([30, 50, 70, 80, 90]);
  const [, half] = numbers;
  expect(half![1]! / uncut).toBeLessThan(1.02);
  expect(half![2]! / uncut).toBeGreaterThan(1.2);
  for (const [, byMid, byGate] of numbers) expect(byGate).toBeGreaterThan(byMid!);
});

test("the loudest tenth has more than a third of the sum in every layer, and the second answer reuses the first", () => {
  expect(Number(/from (\d+) to/.exec(printed("share"))![1])).toBeGreaterThan(33);
  const [tokens, reused] = /(\d+) tokens in the prompt, (\d+) of them reused/.exec(printed("more"))!.slice(1).map(Number);
  expect(reused! / tokens!).toBeGreaterThan(0.5);
});
