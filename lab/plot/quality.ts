/** The measures of quality that a figure can compare with sparsity: their values, names, axes and texts. */
import { LabError, unknownName } from "../errors.js";
import type { IsPlain } from "../literals.js";
import type { Measure, Point } from "../measures/report.js";
import { checkPolicy, type LoosePolicy, type Policy, policyText } from "../policy/policy.js";
import { refusePromise } from "../promised.js";
import { received } from "../received.js";
import { checkForm } from "./form.js";

export type Quality = "perplexity" | "kl" | "top1";
/** A point with the measures that a figure of y shows. Where y is a plain string, they are checked when the figure is made. */
export type PlotPoint<Y extends string> = Point<IsPlain<Y> extends true ? "sparsity" : "sparsity" | (Y & Quality), LoosePolicy>;
/** A point whose measures are known only at run time. */
export type AnyPoint = Point<"sparsity"> & Partial<Point<Quality>>;

export interface QualityAxis {
  readonly name: Quality;
  /** In a figure's title: "Sparsity against perplexity". */
  readonly word: string;
  readonly title: string;
  /** What is drawn: percent for top1. */
  value(point: AnyPoint): number;
  text(point: AnyPoint): string;
  readonly better: "lower" | "higher";
}

const plusMinus = (value: string, stderr: number, digits: number) =>
  Number.isFinite(stderr) && stderr > 0 ? `${value} ± ${stderr.toPrecision(digits)}` : value;

const axes: Readonly<Record<Quality, QualityAxis>> = {
  perplexity: {
    name: "perplexity",
    word: "perplexity",
    title: "perplexity (lower is better)",
    value: (point) => point.perplexity!.value,
    text: ({ perplexity }) => plusMinus(`perplexity ${perplexity!.value.toFixed(4)}`, perplexity!.stderr, 2),
    better: "lower",
  },
  kl: {
    name: "kl",
    word: "KL divergence",
    title: "mean KL(p‖q) (nats for one token)",
    value: (point) => point.kl!.mean,
    text: ({ kl }) =>
      `${plusMinus(`KL ${numberText(kl!.mean)}`, kl!.stderr, 2)} nats<br>median ${numberText(kl!.median)} · 99 % below ${numberText(kl!.p99)} · max ${numberText(kl!.max)}`,
    better: "lower",
  },
  top1: {
    name: "top1",
    word: "top-1 agreement",
    title: "top-1 agreement (% of tokens)",
    value: (point) => 100 * point.top1!.agreement,
    text: ({ top1 }) => `${plusMinus(`top-1 agreement ${(100 * top1!.agreement).toFixed(2)}`, 100 * top1!.stderr, 2)} %`,
    better: "higher",
  },
};

export function qualityAxis(where: string, name: string): QualityAxis {
  if (typeof name !== "string") {
    throw new LabError(
      "invalid-option",
      `${where}: the measure of quality is one of ${Object.keys(axes).join(", ")}, received ${received(name)}`,
    );
  }
  if (!Object.hasOwn(axes, name)) throw unknownName("invalid-option", `measure of quality for ${where}`, name, Object.keys(axes));
  return axes[name as Quality];
}

const measures: readonly Measure[] = ["sparsity", "perplexity", "kl", "top1"];

/** Throws where a point lacks a measure that the figure shows. */
export function checkMeasured(where: string, results: readonly object[], wanted: readonly Measure[]): void {
  refusePromise(where, results);
  if (!Array.isArray(results)) {
    throw new LabError("invalid-option", `${where} takes an array of points, received ${received(results)}`);
  }
  Array.from(results as readonly unknown[]).forEach((given, i) => {
    refusePromise(`${where}: result ${i}`, given);
    const result = (typeof given === "object" && given !== null ? given : {}) as Readonly<Record<string, unknown>>;
    for (const name of wanted) {
      if (typeof result[name] === "object" && result[name] !== null) continue;
      const has = measures.filter((known) => result[known] !== undefined);
      const which = typeof result.setting === "object" && result.setting !== null ? ` (${settingText(result.setting)})` : "";
      throw new LabError(
        "invalid-option",
        `${where}: result ${i}${which} has no ${name}; it has ${has.length > 0 ? has.join(", ") : "no measure"}. ` +
          `Add it when measuring: measure: [${[...new Set([...has, ...wanted])].map((m) => `"${m}"`).join(", ")}]`,
      );
    }
    checkForm(`${where}: result ${i}`, result, wanted);
  });
}
const settingText = (setting: object): string => {
  try {
    return policyText(checkPolicy(setting as Policy));
  } catch {
    return "of an unknown setting";
  }
};

/** Four significant digits: 0.0001234 -> "0.0001234", 1.5e-7 -> "1.5e-7". */
export function numberText(value: number): string {
  const text = Number(value.toPrecision(4));
  return Math.abs(text) >= 1e-4 || text === 0 ? String(text) : text.toExponential();
}
