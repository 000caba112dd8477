/**
 * The form of what a figure draws: points and reports may come out of a file, or be put together by hand. A field of another type is an
 * error that names it, and not a TypeError from the middle of a figure.
 */
import { LabError } from "../errors.js";
import type { Measure } from "../measures/report.js";
import { checkPolicy } from "../policy/policy.js";
import { received } from "../received.js";

const numbers: Readonly<Record<Measure, readonly string[]>> = {
  sparsity: ["mean", "zerosInGate", "rowsSkipped"],
  perplexity: ["value", "stderr", "bitsPerByte"],
  kl: ["mean", "stderr", "median", "p99", "max"],
  top1: ["agreement", "stderr"],
  predictor: [], // tensors, which no figure draws yet
};
const provenance: Readonly<Record<string, "string" | "number" | "boolean">> = {
  model: "string",
  sha256: "string",
  weights: "string",
  activation: "string",
  strategy: "string",
  interventions: "number",
  arithmetic: "string",
  kv: "string",
  corpus: "string",
  window: "number",
  bos: "boolean",
  device: "string",
  threads: "number",
  version: "string",
  date: "string",
};
type Fields = Readonly<Record<string, unknown>>;

/** @throws LabError invalid-option, naming the field. `what`: `plot.pareto(points, "kl"): result 3`; `wanted` was found to be there. */
export function checkForm(what: string, result: object, wanted: readonly Measure[]): void {
  const fields = result as Fields;
  const wrong = (name: string, expected: string, found: unknown) =>
    new LabError("invalid-option", `${what}: ${name} must be ${expected}, received ${received(found)}`);
  const number = (name: string, value: unknown) => {
    // A stderr is NaN where there is one window, and null in the file that it was saved to; only numbers are drawn.
    if (typeof value !== "number" && !(value === null && name.endsWith(".stderr"))) throw wrong(name, "a number", value);
  };
  for (const measure of wanted) {
    const measured = fields[measure] as Fields;
    for (const name of numbers[measure]) number(`${measure}.${name}`, measured[name]);
  }
  if (wanted.includes("sparsity")) {
    const { byLayer } = fields.sparsity as Fields;
    const list =
      Array.isArray(byLayer) || byLayer instanceof Float32Array ? Array.from(byLayer as ArrayLike<unknown>) : undefined;
    if (!list || list.some((share) => typeof share !== "number")) throw wrong("sparsity.byLayer", "an array of numbers", byLayer);
  }
  number("tokens", fields.tokens);
  if (fields.done !== undefined && typeof fields.done !== "boolean") throw wrong("done", "true or false", fields.done);
  const from = fields.provenance;
  if (typeof from !== "object" || from === null) throw wrong("provenance", "a record", from);
  for (const [name, type] of Object.entries(provenance)) {
    const value = (from as Fields)[name];
    if (typeof value !== type) throw wrong(`provenance.${name}`, `a ${type}`, value);
  }
  const { cutoff } = from as Fields; // absent in points of an older file
  const score = (one: unknown) => typeof one === "number" || one === null; // an infinity is null in a file
  if (cutoff !== undefined && !score(cutoff) && !(Array.isArray(cutoff) && cutoff.every(score)))
    throw wrong("provenance.cutoff", "a number, one for each layer, or null", cutoff);
  policy("provenance.policy", (from as Fields).policy);
  if ("setting" in fields) policy("setting", fields.setting);

  function policy(name: string, value: unknown): void {
    try {
      checkPolicy(value as never);
    } catch (error) {
      if (error instanceof LabError) throw new LabError(error.code, `${what}: ${name}: ${error.message}`);
      throw error;
    }
  }
}
